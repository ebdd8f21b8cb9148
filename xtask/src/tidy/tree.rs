//! The files of the project, as text: what every check reads, and nothing else.
//!
//! A file counts when git tracks it or would: ignored files are nobody's business. Without git (an
//! unpacked archive) the folders are walked instead. Files that are not UTF-8 are left out.

use std::path::Path;
use std::process::Command;

use crate::machine::{self, Failure};

/// One file.
pub struct SourceFile {
    /// Relative to the top folder, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
}

impl SourceFile {
    /// The lines with their numbers, counted from 1.
    pub fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(index, line)| (index + 1, line))
    }

    /// Tells whether this is Rust.
    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Tells whether cargo or npm wrote this.
    pub fn is_lock(&self) -> bool {
        self.path.ends_with("Cargo.lock") || self.path.ends_with("package-lock.json")
    }
}

/// Every file, in order of path.
pub struct Tree {
    files: Vec<SourceFile>,
}

impl Tree {
    /// Reads the project below a folder.
    ///
    /// # Errors
    /// When a folder cannot be listed.
    pub fn read(root: &Path) -> Result<Self, Failure> {
        let mut paths = Vec::new();
        if root.join(".git").exists() {
            let listed = machine::capture(
                Command::new("git")
                    .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
                    .current_dir(root),
            )?;
            paths.extend(listed.split_terminator('\0').map(str::to_owned));
        } else {
            walk(root, "", &mut paths)?;
        }
        paths.sort();
        paths.dedup();
        // What git still lists may be deleted in the work tree: then there is nothing to check.
        let read = |path: String| {
            let text = std::fs::read_to_string(root.join(&path)).ok()?;
            Some(SourceFile { path, text })
        };
        Ok(Self { files: paths.into_iter().filter_map(read).collect() })
    }

    /// Makes a tree from paths and texts, for tests of the checks.
    #[cfg(test)]
    pub fn of(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| SourceFile {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        Self { files: files.iter().map(file).collect() }
    }

    /// Every file.
    pub fn files(&self) -> &[SourceFile] {
        &self.files
    }

    /// The Rust files.
    pub fn rust(&self) -> impl Iterator<Item = &SourceFile> {
        self.files.iter().filter(|file| file.is_rust())
    }

    /// One file by its path.
    pub fn get(&self, path: &str) -> Option<&SourceFile> {
        self.files.iter().find(|file| file.path == path)
    }

    /// Tells whether there is such a file, or a folder with a file in it.
    pub fn exists(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let inside = format!("{path}/");
        path.is_empty()
            || self.files.iter().any(|file| file.path == path || file.path.starts_with(&inside))
    }
}

fn walk(root: &Path, below: &str, paths: &mut Vec<String>) -> Result<(), Failure> {
    let folder = root.join(below);
    let unreadable =
        |e| Failure::new(format!("folder `{}` cannot be listed: {e}", folder.display()));
    for entry in std::fs::read_dir(&folder).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
        if !entry.path().is_dir() {
            paths.push(path);
        } else if !["target", "node_modules", "__pycache__"].contains(&name.as_str()) {
            walk(root, &path, paths)?;
        }
    }
    Ok(())
}
