//! Blob in a flat folder: one file a value, `/` in keys written as U+2215
//! (`spec/persist.md` §1.6).
//!
//! Invariant: a value is written aside, synced and renamed, so that a crash
//! leaves the old value or the new one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use super::Blob;
use crate::service::error::StoreError;

/// How a `/` of a key is spelled in a file name.
const SLASH: char = '\u{2215}';

/// A store in a folder.
#[derive(Debug)]
pub struct FileBlob {
    folder: PathBuf,
    tombstones: bool,
    sync: bool,
}

impl FileBlob {
    /// Opens or creates the folder of a URL's rest
    /// (`///PATH[?tombstone][&sync=off]`).
    ///
    /// `sync=off` is for scratch stores: values are still renamed into place,
    /// but the disk is not waited for, so that a crash of the machine (not of
    /// the process) may lose them. It is our own: a real clusterd refuses it.
    pub(super) fn open(rest: &str) -> Result<Self, String> {
        let (path, query) = match rest.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (rest, None),
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        if !path.starts_with('/') {
            return Err("expected an absolute path, file:///PATH".into());
        }
        let mut tombstones = false;
        let mut sync = true;
        for param in query.into_iter().flat_map(|q| q.split('&')) {
            if param == "tombstone" || param.starts_with("tombstone=") {
                tombstones = true;
            } else if param == "sync=off" {
                sync = false;
            } else {
                return Err(format!("unknown blob location params {param}"));
            }
        }
        fs::create_dir_all(path).map_err(|e| e.to_string())?;
        Ok(FileBlob {
            folder: PathBuf::from(path),
            tombstones,
            sync,
        })
    }

    fn path(&self, key: &str) -> Result<PathBuf, StoreError> {
        let name: String = key
            .chars()
            .map(|c| if c == '/' { SLASH } else { c })
            .collect();
        // A dot would be read as an extension by the listing.
        if name.is_empty() || name.contains('.') || name.contains('\0') {
            return Err(StoreError::Invalid(format!("`{key}` cannot be a blob key")));
        }
        Ok(self.folder.join(name))
    }

    fn sync_folder(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

fn with_extension(path: &Path, extension: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(".");
    path.push(extension);
    PathBuf::from(path)
}

fn failed(what: &str, key: &str, e: &io::Error) -> StoreError {
    StoreError::Indeterminate(format!("{what} of blob {key}: {e}"))
}

impl Blob for FileBlob {
    fn get(&self, key: &str) -> Result<Option<Bytes>, StoreError> {
        match fs::read(self.path(key)?) {
            Ok(value) => Ok(Some(Bytes::from(value))),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed("read", key, &e)),
        }
    }

    fn set(&self, key: &str, value: Bytes) -> Result<(), StoreError> {
        let path = self.path(key)?;
        let aside = with_extension(&path, "tmp");
        let write = || {
            let mut file = File::create(&aside)?;
            file.write_all(&value)?;
            if !self.sync {
                return fs::rename(&aside, &path);
            }
            file.sync_all()?;
            self.sync_folder()?;
            fs::rename(&aside, &path)?;
            self.sync_folder()
        };
        write().map_err(|e| failed("write", key, &e))
    }

    fn delete(&self, key: &str) -> Result<Option<u64>, StoreError> {
        let path = self.path(key)?;
        let remove = || {
            let size = fs::metadata(&path)?.len();
            if self.tombstones {
                fs::rename(&path, with_extension(&path, "bak"))?;
            } else {
                fs::remove_file(&path)?;
            }
            Ok(size)
        };
        match remove() {
            Ok(size) => Ok(Some(size)),
            Err(e) if io::Error::kind(&e) == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed("delete", key, &e)),
        }
    }

    fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, StoreError> {
        let mut found = Vec::new();
        let entries = fs::read_dir(&self.folder).map_err(|e| failed("list", prefix, &e))?;
        for entry in entries {
            let entry = entry.map_err(|e| failed("list", prefix, &e))?;
            // A name that is no text, or has an extension, is no blob.
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            if name.contains('.') {
                continue;
            }
            let key = name.replace(SLASH, "/");
            if key.starts_with(prefix) {
                // It may be gone by now.
                if let Ok(meta) = entry.metadata() {
                    found.push((key, meta.len()));
                }
            }
        }
        found.sort();
        Ok(found)
    }
}
