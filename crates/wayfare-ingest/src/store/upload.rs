//! A file that comes in pieces.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use object_store::{MultipartUpload, PutPayload, PutResult, Result, UploadPart};

use super::disk::DiskFile;
use super::files::{Files, failed};

/// The upload of one file; pieces may arrive in any order.
#[derive(Debug)]
pub(super) struct Upload {
    files: Files,
    draft: PathBuf,
    file: Arc<Mutex<Box<dyn DiskFile>>>,
    path: PathBuf,
    offset: u64,
    finished: bool,
}

impl Upload {
    pub(super) fn new(files: Files, draft: PathBuf, file: Box<dyn DiskFile>, path: PathBuf) -> Self {
        Self { files, draft, file: Arc::new(Mutex::new(file)), path, offset: 0, finished: false }
    }
}

#[async_trait]
impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (files, file, path) = (self.files.clone(), Arc::clone(&self.file), self.path.clone());
        let mut offset = self.offset;
        self.offset += data.content_length() as u64;
        Box::pin(async move {
            let write = move |_: &Files| {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                data.iter().try_for_each(|piece| {
                    file.write_at(offset, piece)?;
                    offset += piece.len() as u64;
                    Ok(())
                })
            };
            files.blocking(write).await.map_err(|cause| failed(&path, cause))
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let (file, draft, path) = (Arc::clone(&self.file), self.draft.clone(), self.path.clone());
        // whatever comes of it, the draft is gone afterwards
        self.finished = true;
        self.files
            .blocking(move |files| {
                let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
                files.finish_draft(&draft, file.as_mut(), &path)
            })
            .await
            .map_err(|cause| failed(&self.path, cause))?;
        Ok(PutResult { e_tag: None, version: None })
    }

    async fn abort(&mut self) -> Result<()> {
        self.finished = true;
        self.files.forget(&self.draft);
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.finished {
            self.files.forget(&self.draft);
        }
    }
}
