//! What the payloads of a connection mean, in either direction. The bytes do not
//! tell; the port and the version that both ends announced do.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::wire;

/// The payload of a message, or why it has none.
pub type Encode<Out> = Arc<dyn Fn(&Out) -> Result<Vec<u8>, String> + Send + Sync>;

/// The message of a payload, or why it is none.
pub type Decode<In> = Arc<dyn Fn(&[u8]) -> Result<In, String> + Send + Sync>;

/// Both directions of one end.
pub struct Codec<Out, In> {
    pub encode: Encode<Out>,
    pub decode: Decode<In>,
}

impl<Out: Serialize + 'static, In: DeserializeOwned + 'static> Codec<Out, In> {
    /// Messages in their serde form.
    pub fn plain() -> Self {
        Codec {
            encode: Arc::new(|message| wire::try_encode(message).map_err(|e| e.to_string())),
            decode: Arc::new(|payload| wire::decode(payload).map_err(|e| e.to_string())),
        }
    }
}

impl<Out, In> Clone for Codec<Out, In> {
    fn clone(&self) -> Self {
        Codec {
            encode: Arc::clone(&self.encode),
            decode: Arc::clone(&self.decode),
        }
    }
}
