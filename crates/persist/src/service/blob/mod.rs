//! Blob: whole values under keys, for everything that is big
//! (`spec/persist.md` §1.5). Two stores: memory and a folder of files.
//!
//! Invariant: a reader sees a whole value or none.

mod file;
mod mem;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

pub use file::FileBlob;
pub use mem::MemBlob;

use super::error::{LocationError, StoreError};

/// The contract of `spec/persist.md` §1.5. Calls block.
pub trait Blob: Send + Sync + fmt::Debug {
    /// The value, if there is one.
    fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError>;

    /// Sets the value, atomically.
    fn set(&self, key: &str, value: Bytes) -> Result<(), StoreError>;

    /// Deletes the value; its size if there was one.
    fn delete(&self, key: &str) -> Result<Option<u64>, StoreError>;

    /// Every key that starts with `prefix`, with the size of its value, in
    /// key order.
    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, StoreError>;
}

/// Opens the store that a URL names: `mem:` (private), `mem://NAME` (shared
/// within this process), `file:///PATH`.
pub fn open_blob(url: &str) -> Result<Arc<dyn Blob>, LocationError> {
    let bad = |why: String| LocationError {
        what: "blob",
        url: url.to_string(),
        why,
    };
    let (scheme, rest) = url
        .split_once(':')
        .ok_or_else(|| bad("expected mem: or file:///PATH".into()))?;
    match scheme {
        "mem" => Ok(MemBlob::open(rest)),
        "file" => Ok(Arc::new(FileBlob::open(rest).map_err(bad)?)),
        other => Err(bad(format!(
            "unknown scheme `{other}`, expected mem: or file:///PATH"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contract(blob: &dyn Blob) {
        assert_eq!(blob.get("s1/v0/r1").unwrap(), None);
        assert_eq!(blob.delete("s1/v0/r1").unwrap(), None);
        blob.set("s1/v0/r1", Bytes::from_static(b"one")).unwrap();
        blob.set("s1/n1/p1", Bytes::new()).unwrap();
        blob.set("s2/v0/r1", Bytes::from_static(b"x")).unwrap();
        blob.set("s1/v0/r1", Bytes::from_static(b"three")).unwrap();
        assert_eq!(&blob.get("s1/v0/r1").unwrap().unwrap()[..], b"three");
        assert_eq!(
            blob.list("s1").unwrap(),
            [("s1/n1/p1".to_string(), 0), ("s1/v0/r1".to_string(), 5)]
        );
        assert_eq!(blob.list("").unwrap().len(), 3);
        assert_eq!(blob.delete("s1/n1/p1").unwrap(), Some(0));
        assert_eq!(blob.delete("s1/v0/r1").unwrap(), Some(5));
        assert_eq!(blob.list("s1").unwrap(), []);
    }

    #[test]
    fn memory_keeps_the_contract() {
        contract(&MemBlob::default());
    }

    #[test]
    fn files_keep_the_contract_and_have_the_names_of_the_field() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        let url = format!("file://{}", path.display());
        let blob = open_blob(&url).unwrap();
        contract(&*blob);
        blob.set("s1/v0/r1", Bytes::from_static(b"x")).unwrap();
        assert!(path.join("s1\u{2215}v0\u{2215}r1").exists());
        assert!(blob.set("../x", Bytes::new()).is_err());
    }

    #[test]
    fn deleted_files_are_kept_aside_with_tombstones() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("file://{}?tombstone", dir.path().display());
        let blob = open_blob(&url).unwrap();
        contract(&*blob);
        assert!(dir.path().join("s1\u{2215}v0\u{2215}r1.bak").exists());
    }

    #[test]
    fn what_names_no_store_says_so_in_one_line() {
        let message = |url| open_blob(url).unwrap_err().to_string();
        assert_eq!(
            message("s3://b"),
            "blob URL `s3://b`: unknown scheme `s3`, expected mem: or file:///PATH"
        );
        assert_eq!(
            message("file:relative"),
            "blob URL `file:relative`: expected an absolute path, file:///PATH"
        );
        assert_eq!(
            message("file:///tmp?x=1"),
            "blob URL `file:///tmp?x=1`: unknown blob location params x=1"
        );
    }
}
