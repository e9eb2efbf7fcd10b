//! Opening a bucket: credentials from the environment, how to reach it, and how long to try.

use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, Checksum, S3ConditionalPut};
use object_store::multipart::MultipartStore;
use object_store::prefix::PrefixStore;
use object_store::signer::Signer;
use object_store::{BackoffConfig, ClientOptions, ObjectStore, RetryConfig};

use crate::BlobError;
use crate::address::S3Address;
use crate::limits::{
    CONNECT_TIMEOUT, READ_TIMEOUT, RETRIES_MAX, RETRY_PAUSE, RETRY_PAUSE_MAX, RETRY_WITHIN,
};

const KEY: &str = "AWS_ACCESS_KEY_ID";
const SECRET: &str = "AWS_SECRET_ACCESS_KEY";
const SESSION: &str = "AWS_SESSION_TOKEN";
/// Seconds without a byte from the server, instead of [`READ_TIMEOUT`].
const SILENT_SECONDS: &str = "KARTEI_S3_SILENT_SECONDS";

/// All that a bucket can do.
pub(crate) trait Bucket: ObjectStore + MultipartStore + Signer {}

impl<T: ObjectStore + MultipartStore + Signer> Bucket for T {}

/// A bucket, for what is written here and for what others write with presigned requests.
#[derive(Debug, Clone)]
pub(crate) struct Buckets {
    pub own: Arc<dyn Bucket>,
    /// Begins uploads whose parts have a SHA-256 each, as presigned ones need it: Amazon takes no
    /// part with a digest where the upload was begun without.
    pub presigned: Arc<dyn Bucket>,
}

/// Opens a bucket. No request is made.
///
/// Credentials are only taken from variables and files: asking an instance's metadata service would
/// make a wrong setting wait for a server that is not there.
pub(crate) fn open(
    address: &S3Address,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Buckets, BlobError> {
    // Another part of the program may have installed it already; it is the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let is_http = address.endpoint.as_ref().is_some_and(|url| url.starts_with("http://"));
    let client = ClientOptions::new()
        .with_allow_http(is_http)
        .with_connect_timeout(CONNECT_TIMEOUT)
        .with_read_timeout(silence(address, environment)?)
        // It would count for a whole body, which may take hours.
        .with_timeout_disabled();
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&address.bucket)
        .with_region(&address.region)
        .with_access_key_id(required(KEY, environment)?)
        .with_secret_access_key(required(SECRET, environment)?)
        .with_virtual_hosted_style_request(address.endpoint.is_none())
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // One request for one blob is part of every server's S3, deleting many is not.
        .with_disable_bulk_delete(true)
        .with_client_options(client)
        .with_retry(RetryConfig {
            backoff: BackoffConfig {
                init_backoff: RETRY_PAUSE,
                max_backoff: RETRY_PAUSE_MAX,
                ..BackoffConfig::default()
            },
            max_retries: RETRIES_MAX,
            retry_timeout: RETRY_WITHIN,
        });
    if let Some(endpoint) = &address.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(token) = credential(SESSION, environment)? {
        builder = builder.with_token(token);
    }
    let presigned = builder.clone().with_checksum_algorithm(Checksum::SHA256);
    Ok(Buckets { own: built(builder, address)?, presigned: built(presigned, address)? })
}

fn built(builder: AmazonS3Builder, address: &S3Address) -> Result<Arc<dyn Bucket>, BlobError> {
    let bucket = builder.build().map_err(|_| BlobError::Address {
        address: format!("s3://{}", address.bucket),
        problem: "makes no client for S3".to_owned(),
        // The builder's own words could repeat what it was given.
        advice: "check the bucket, the region and the endpoint".to_owned(),
    })?;
    Ok(match address.prefix.as_str() {
        "" => Arc::new(bucket),
        prefix => Arc::new(PrefixStore::new(bucket, prefix)),
    })
}

fn silence(
    address: &S3Address,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Duration, BlobError> {
    let Some(text) = environment(SILENT_SECONDS) else { return Ok(READ_TIMEOUT) };
    match text.trim().parse::<u32>() {
        Ok(seconds) if seconds > 0 => Ok(Duration::from_secs(seconds.into())),
        _ => Err(BlobError::Address {
            address: format!("s3://{}", address.bucket),
            problem: format!("has {SILENT_SECONDS} beside it, which is no number of seconds"),
            advice: "set it to 1 or more, or not at all".to_owned(),
        }),
    }
}

fn required(
    variable: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<String, BlobError> {
    credential(variable, environment)?.ok_or_else(|| BlobError::Credentials {
        problem: format!("neither {variable} nor {variable}_FILE is set"),
        advice: format!("set {variable}, or {variable}_FILE to a file that holds it"),
    })
}

/// The variable's value, or the content of the file that the variable with `_FILE` names.
fn credential(
    variable: &str,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, BlobError> {
    let wrong = |problem: String, advice: &str| {
        Err(BlobError::Credentials { problem, advice: advice.to_owned() })
    };
    let file_variable = format!("{variable}_FILE");
    let set = |name: &str| environment(name).filter(|value| !value.is_empty());
    let value = match (set(variable), set(&file_variable)) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return wrong(
                format!("{variable} and {file_variable} are both set"),
                "set one of them",
            );
        }
        (Some(value), None) => value,
        (None, Some(path)) => match std::fs::read_to_string(&path) {
            Ok(text) => text.trim().to_owned(),
            Err(error) => {
                return wrong(
                    format!("{file_variable} names `{path}`, which cannot be read: {error}"),
                    "name a text file that this process may read",
                );
            }
        },
    };
    // What goes into a header must be plain; this also finds a file with more than the secret in it.
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return wrong(
            format!(
                "what {variable} or its file holds is empty or has blanks or line breaks in it"
            ),
            "let it hold the credential alone",
        );
    }
    Ok(Some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address() -> S3Address {
        S3Address {
            bucket: "kartei".to_owned(),
            prefix: String::new(),
            endpoint: Some("https://s3.test".to_owned()),
            region: "r".to_owned(),
        }
    }

    fn opened(variables: &[(&str, &str)]) -> Result<Buckets, BlobError> {
        open(&address(), &|name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn credentials_come_from_variables_or_from_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "hushhush\n").unwrap();
        let file = file.to_string_lossy().into_owned();
        assert!(opened(&[(KEY, "key"), (SECRET, "hushhush")]).is_ok());
        assert!(opened(&[(KEY, "key"), ("AWS_SECRET_ACCESS_KEY_FILE", &file)]).is_ok());
    }

    #[test]
    fn credentials_that_cannot_be_used_are_named_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "secret = hushhush\n").unwrap();
        let file = file.to_string_lossy().into_owned();
        let cases: &[(&[(&str, &str)], &str)] = &[
            (&[], "neither AWS_ACCESS_KEY_ID nor"),
            (&[(KEY, "key")], "neither AWS_SECRET_ACCESS_KEY nor"),
            (&[(KEY, "key"), (SECRET, "hushhush x")], "blanks"),
            (&[(KEY, "key"), ("AWS_SECRET_ACCESS_KEY_FILE", &file)], "blanks"),
            (&[(KEY, "key"), ("AWS_SECRET_ACCESS_KEY_FILE", "/no/such")], "cannot be read"),
            (
                &[(KEY, "key"), (SECRET, "hushhush"), ("AWS_SECRET_ACCESS_KEY_FILE", &file)],
                "both set",
            ),
        ];
        for (variables, word) in cases {
            let error = opened(variables).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert!(!format!("{error} {error:?}").contains("hushhush"), "{error}");
        }
    }
}
