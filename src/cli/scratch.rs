//! The folder for stores, logs and scratch files of one run.
//!
//! Invariants: it is gone when the run is over, however that ends: a run that is
//! killed without warning leaves it to the next one, which knows by a lock that
//! no run uses it any more; a folder in use is never touched.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use parking_lot::{Mutex, MutexGuard};
use tempfile::TempDir;

const PREFIX: &str = "clusterd-fuzz-";

/// The file that is locked for as long as the folder is used.
const LOCK: &str = "in-use";

/// How often it is tried to remove a folder into which a process still writes.
const TRIES: usize = 100;

/// A scratch folder.
pub struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes one, and removes those that killed runs have left behind.
    pub fn create() -> io::Result<Scratch> {
        let all = std::env::temp_dir();
        sweep(&all);
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(all)?;
        // Under its final name it is locked from the beginning.
        let early = folder.path().join("in-use.early");
        let lock = File::create(&early)?;
        lock.lock()?;
        fs::rename(early, folder.path().join(LOCK))?;
        folders().push(folder.path().to_path_buf());
        Ok(Scratch {
            folder,
            _lock: lock,
        })
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        remove(self.path());
        folders().retain(|folder| folder != self.path());
    }
}

/// The folders of this program.
fn folders() -> MutexGuard<'static, Vec<PathBuf>> {
    static FOLDERS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
    FOLDERS.lock()
}

/// Removes every folder of this program, which is about to end.
pub fn remove_all() {
    folders().iter().for_each(|folder| remove(folder));
}

fn remove(folder: &Path) {
    for _ in 0..TRIES {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => {}
            // The next run sweeps what cannot be removed now.
            Ok(()) | Err(_) => return,
        }
    }
}

/// Removes the folders below `all` that belong to no run any more.
fn sweep(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let path = entry.path();
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX) && is_own(&path);
        let Ok(lock) = File::open(path.join(LOCK)) else {
            continue;
        };
        if ours && lock.try_lock().is_ok() {
            remove(&path);
        }
    }
}

/// Whether it is a folder, and this user's.
fn is_own(path: &Path) -> bool {
    // SAFETY: it has no preconditions.
    let user = unsafe { libc::geteuid() };
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir() && found.uid() == user)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_that_nobody_uses_are_swept() {
        let all = tempfile::tempdir().unwrap();
        let folder = |name: &str| {
            let folder = all.path().join(name);
            fs::create_dir(&folder).unwrap();
            (folder.clone(), File::create(folder.join(LOCK)).unwrap())
        };
        let (used, lock) = folder("clusterd-fuzz-used");
        lock.lock().unwrap();
        let (left, _) = folder("clusterd-fuzz-left");
        let (other, _) = folder("another-program");
        let early = all.path().join("clusterd-fuzz-early");
        fs::create_dir(&early).unwrap();
        sweep(all.path());
        assert!(used.exists() && other.exists() && early.exists());
        assert!(!left.exists());
        drop(lock);
        sweep(all.path());
        assert!(!used.exists());
    }
}
