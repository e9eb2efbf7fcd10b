//! Where a store is: the address a person writes, checked before anything is opened.

use std::path::{Path, PathBuf};

use url::Url;

use crate::BlobError;

/// The forms of an address, for errors.
const FORMS: &str = "write `file:///folder`, `memory:` or `s3://bucket/prefix?endpoint=http://host:port&region=name`";

/// Regions are named by the endpoint's operator; this is what most servers other than Amazon's take.
const REGION_DEFAULT: &str = "us-east-1";

/// A checked address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    Folder(PathBuf),
    Memory,
    S3(S3Address),
}

/// A bucket, or the part of it under a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct S3Address {
    pub bucket: String,
    /// Segments with `/` between them, without one at the ends; may be empty.
    pub prefix: String,
    /// Scheme, host and port; none is Amazon's own.
    pub endpoint: Option<String>,
    pub region: String,
}

impl Address {
    /// Reads an address; an empty one is the default folder. `region` is what the environment says,
    /// for addresses which say none.
    pub(crate) fn parse(
        text: &str,
        default_folder: &Path,
        region: Option<String>,
    ) -> Result<Self, BlobError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Folder(default_folder.to_owned()));
        }
        let wrong = |problem: &str, advice: &str| BlobError::Address {
            address: shown(text),
            problem: problem.to_owned(),
            advice: advice.to_owned(),
        };
        if text == "memory:" {
            return Ok(Self::Memory);
        }
        let Ok(url) = Url::parse(text) else {
            return Err(wrong("is no URL", FORMS));
        };
        match url.scheme() {
            "file" => folder(text, &url).map(Self::Folder).map_err(|problem| {
                wrong(problem, "write `file:///` and then the folder's whole path")
            }),
            "s3" => {
                s3(&url, region).map(Self::S3).map_err(|(problem, advice)| wrong(&problem, advice))
            }
            "memory" => Err(wrong("has something after `memory:`", "write `memory:` alone")),
            _ => Err(wrong("has a scheme that is not known here", FORMS)),
        }
    }
}

/// An address without what may be secret: names and passwords before the host, and the query.
fn shown(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    match text.rsplit_once('@') {
        Some((before, after)) => match before.split_once("://") {
            Some((scheme, _)) => format!("{scheme}://…@{after}"),
            None => format!("…@{after}"),
        },
        None => text.to_owned(),
    }
}

fn folder(text: &str, url: &Url) -> Result<PathBuf, &'static str> {
    if !text.starts_with("file:///") {
        return Err("does not begin with `file:///`");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(
            "has a `?` or `#`, which a folder's address has not (in a path they are %3F and %23)",
        );
    }
    url.to_file_path().map_err(|()| "names no folder of this system")
}

fn s3(url: &Url, region: Option<String>) -> Result<S3Address, (String, &'static str)> {
    if !url.username().is_empty() || url.password().is_some() {
        return Err((
            "holds credentials, which addresses are not for".to_owned(),
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the same with _FILE, instead",
        ));
    }
    if url.port().is_some() || url.fragment().is_some() {
        return Err((
            "has a port or a fragment after the bucket".to_owned(),
            "name the server as `?endpoint=http://host:port`",
        ));
    }
    let bucket = url.host_str().unwrap_or_default().to_owned();
    let is_bucket = (3..=63).contains(&bucket.len())
        && bucket.bytes().all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
        });
    if !is_bucket {
        return Err((
            "names no bucket".to_owned(),
            "after `s3://` comes the bucket: 3 to 63 of a-z, 0-9, dot and hyphen",
        ));
    }
    let (mut endpoint, mut named_region) = (None, None);
    for (key, value) in url.query_pairs() {
        let slot = match &*key {
            "endpoint" => &mut endpoint,
            "region" => &mut named_region,
            // A value may be a secret that was put there by mistake.
            _ => {
                return Err((
                    format!("has a parameter `{}` that is not known here", key.escape_debug()),
                    "only `endpoint` and `region` are; credentials come from the environment",
                ));
            }
        };
        if value.is_empty() || slot.replace(value.into_owned()).is_some() {
            return Err((
                format!("has `{key}` empty or twice"),
                "give each parameter once, with a value",
            ));
        }
    }
    let endpoint = endpoint.map(|text| origin(&text)).transpose()?;
    let region = named_region.or(region);
    let region = match (region, &endpoint) {
        (Some(region), _) => region,
        (None, Some(_)) => REGION_DEFAULT.to_owned(),
        (None, None) => {
            return Err((
                "names neither an endpoint nor a region".to_owned(),
                "add `?region=name` for a bucket at Amazon, else `?endpoint=https://host`",
            ));
        }
    };
    Ok(S3Address { bucket, prefix: prefix(url.path())?, endpoint, region })
}

/// The endpoint as scheme, host and port.
fn origin(text: &str) -> Result<String, (String, &'static str)> {
    let advice = "write it as `endpoint=http://host:port` or `endpoint=https://host`";
    let wrong = |problem: &str| (format!("has an endpoint which {problem}"), advice);
    let url = Url::parse(text).map_err(|_| wrong("is no URL"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(wrong("does not begin with http:// or https:// and a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("holds credentials"));
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has more than a host and a port"));
    }
    Ok(url.origin().ascii_serialization())
}

/// A prefix of the bucket follows the rules of names, so that nothing in it needs escaping.
fn prefix(path: &str) -> Result<String, (String, &'static str)> {
    let prefix = path.trim_matches('/');
    if !prefix.is_empty() {
        crate::BlobName::new(prefix).map_err(|error| {
            (
                format!("has a prefix that cannot be used: {error}"),
                "use a-z, 0-9 and . _ = - between slashes",
            )
        })?;
    }
    Ok(prefix.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Address, BlobError> {
        Address::parse(text, Path::new("default"), None)
    }

    #[test]
    fn the_three_forms_are_read() {
        assert_eq!(parse(" ").unwrap(), Address::Folder("default".into()));
        assert_eq!(parse("memory:").unwrap(), Address::Memory);
        let s3 = S3Address {
            bucket: "kartei".to_owned(),
            prefix: "a/b".to_owned(),
            endpoint: Some("http://127.0.0.1:3900".to_owned()),
            region: "garage".to_owned(),
        };
        let text = "s3://kartei/a/b/?endpoint=http://127.0.0.1:3900&region=garage";
        assert_eq!(parse(text).unwrap(), Address::S3(s3));
    }

    #[cfg(unix)]
    #[test]
    fn a_folders_path_may_hold_anything_escaped() {
        let folder = Address::Folder("/srv/blobs of 2026".into());
        assert_eq!(parse("file:///srv/blobs%20of%202026").unwrap(), folder);
    }

    #[test]
    fn the_region_comes_from_the_address_the_environment_or_the_endpoint() {
        let region = |text: &str, environment: Option<&str>| match Address::parse(
            text,
            Path::new("d"),
            environment.map(str::to_owned),
        )
        .unwrap()
        {
            Address::S3(s3) => s3.region,
            other => panic!("{other:?} is no S3"),
        };
        assert_eq!(region("s3://bkt?region=eu-1", Some("eu-2")), "eu-1");
        assert_eq!(region("s3://bkt", Some("eu-2")), "eu-2");
        assert_eq!(region("s3://bkt?endpoint=https://s3.test", None), REGION_DEFAULT);
        assert!(parse("s3://bkt").unwrap_err().to_string().contains("?region=name"));
    }

    #[test]
    fn every_wrong_address_says_what_is_wrong_and_what_to_write() {
        let wrong = [
            ("/srv/blobs", "is no URL"),
            ("ftp://host/x", "scheme"),
            ("file://srv/blobs", "file:///"),
            ("file:blobs", "file:///"),
            ("file:///srv?x=1", "`?`"),
            ("memory://x", "memory:"),
            ("s3:///x", "bucket"),
            ("s3://B_CKET?region=r", "bucket"),
            ("s3://bkt/UPPER?region=r", "prefix"),
            ("s3://bkt:9000?region=r", "port"),
            ("s3://bkt?region=r&region=s", "twice"),
            ("s3://bkt?region=", "empty"),
            ("s3://bkt?endpoint=127.0.0.1:3900", "endpoint"),
            ("s3://bkt?endpoint=http://h/path", "more than a host"),
        ];
        for (text, word) in wrong {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(word) && error.contains("; "), "{text}: {error}");
        }
    }

    #[test]
    fn no_secret_of_a_wrong_address_is_repeated() {
        let wrong = [
            "s3://key:hushhush@bkt?region=r",
            "s3://bkt?region=r&secret_access_key=hushhush",
            "s3://bkt?endpoint=http://key:hushhush@host",
            "ftp://key:hush/hushhush@host",
            "hushhush@host",
        ];
        for text in wrong {
            let error = parse(text).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("hushhush"), "{error}");
        }
    }
}
