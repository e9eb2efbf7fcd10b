//! Files at the relay.

use bytes::Bytes;
use kartei_protocol::uploads::{FileChange, FileInfo, FilePage};
use reqwest::header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use reqwest::{Response, StatusCode, Url};

use crate::{RelayClient, RelayError};

/// Which files are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilesAsked {
    /// What their names contain; empty for any.
    pub name: String,
    /// The profile that they are attached to.
    pub profile: Option<String>,
    /// `next` of the page before.
    pub cursor: Option<String>,
    /// How many at most.
    pub limit: u32,
}

/// A file's bytes as they come.
#[derive(Debug)]
pub struct Download {
    /// The first byte that comes: what was asked for, or 0 where the relay begins anew.
    pub from: u64,
    /// Bytes that come.
    pub bytes: Option<u64>,
    response: Response,
}

impl Download {
    /// The next bytes; nothing at the end.
    ///
    /// # Errors
    /// [`RelayError`] where the connection broke.
    pub async fn next(&mut self) -> Result<Option<Bytes>, RelayError> {
        self.response.chunk().await.map_err(|e| RelayError::from_http(&e))
    }
}

impl RelayClient {
    /// A page of files; nothing where the relay keeps none.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn files(&self, asked: &FilesAsked) -> Result<Option<FilePage>, RelayError> {
        let mut url = self.url("api/files")?;
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("limit", &asked.limit.to_string());
            if !asked.name.is_empty() {
                query.append_pair("name", &asked.name);
            }
            if let Some(profile) = &asked.profile {
                query.append_pair("profile", profile);
            }
            if let Some(cursor) = &asked.cursor {
                query.append_pair("cursor", cursor);
            }
        }
        let response = match self.send(self.http.get(url)).await {
            Ok(response) => response,
            Err(RelayError::Refused { status: 404, .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let body = response.bytes().await.map_err(|e| RelayError::from_http(&e))?;
        let page = serde_json::from_slice(&body);
        page.map(Some).map_err(|e| RelayError::Incompatible(format!("files: {e}")))
    }

    /// One file.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn file(&self, id: &str) -> Result<FileInfo, RelayError> {
        self.answered(self.http.get(self.file_url(&[id])?), "file").await
    }

    /// Gives a file another name.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn rename_file(&self, id: &str, name: &str) -> Result<FileInfo, RelayError> {
        let change = FileChange { name: Some(name.to_owned()), content_type: None };
        let body = serde_json::to_vec(&change)
            .map_err(|e| RelayError::Incompatible(format!("file: {e}")))?;
        let request = self.http.patch(self.file_url(&[id])?).body(body);
        self.answered(request.header(CONTENT_TYPE, "application/json"), "file").await
    }

    /// Attaches a file to a profile, or detaches it. The same again changes nothing.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn attach_file(
        &self,
        id: &str,
        profile: &str,
        attached: bool,
    ) -> Result<(), RelayError> {
        let url = self.file_url(&[id, "profiles", profile])?;
        let request = if attached { self.http.put(url) } else { self.http.delete(url) };
        self.send(request).await.map(drop)
    }

    /// Deletes a file.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn delete_file(&self, id: &str) -> Result<(), RelayError> {
        self.send(self.http.delete(self.file_url(&[id])?)).await.map(drop)
    }

    /// Has the relay read a file as NDJSON into profiles; answers the import's id.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn import_file(&self, id: &str) -> Result<String, RelayError> {
        let response = self.send(self.http.post(self.file_url(&[id, "import"])?)).await?;
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let import = location.and_then(|path| path.trim_end_matches('/').rsplit('/').next());
        let import = import.filter(|import| !import.is_empty());
        let none = || RelayError::Incompatible("an import without its address".to_owned());
        import.map(str::to_owned).ok_or_else(none)
    }

    /// The bytes of a file from `from` on.
    ///
    /// # Errors
    /// [`RelayError`].
    pub async fn download(&self, id: &str, from: u64) -> Result<Download, RelayError> {
        let mut request = self.http.get(self.file_url(&["serve", id])?);
        if from > 0 {
            request = request.header(RANGE, format!("bytes={from}-"));
        }
        let response = self.send(request).await?;
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let bytes = header(CONTENT_LENGTH).and_then(|text| text.parse().ok());
        let from = match response.status() {
            StatusCode::PARTIAL_CONTENT => {
                let begins = header(CONTENT_RANGE).and_then(first_byte);
                begins.ok_or_else(|| {
                    RelayError::Incompatible("a part without its range".to_owned())
                })?
            }
            _ => 0,
        };
        Ok(Download { from, bytes, response })
    }

    fn file_url(&self, segments: &[&str]) -> Result<Url, RelayError> {
        let mut url = self.url("api/files/")?;
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        Ok(url)
    }
}

/// The first byte of `bytes 5-9/10`.
fn first_byte(range: &str) -> Option<u64> {
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_says_where_it_begins() {
        assert_eq!(first_byte("bytes 5-9/10"), Some(5));
        assert_eq!(first_byte("bytes */10"), None);
        assert_eq!(first_byte("items 5-9/10"), None);
    }

    #[test]
    fn what_is_no_path_cannot_become_one() {
        let client =
            RelayClient::new("https://relay.example/base", "t", &crate::Trust::default()).unwrap();
        let url = client.file_url(&["serve", "../../x y?z"]).unwrap();
        assert_eq!(url.as_str(), "https://relay.example/base/api/files/serve/..%2F..%2Fx%20y%3Fz");
    }
}
