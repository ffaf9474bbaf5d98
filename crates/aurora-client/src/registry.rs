//! What a container registry calls an image: its digest, for `{{docker.image[NAME][TAG]}}` (`spec/cli.md` §5.5).

use std::collections::HashMap;

use reqwest::{Method, Response, StatusCode, Url, header};
use serde_json::Value;

use crate::client::http_client;
use crate::error::chain;

/// The registry of a cluster that names none.
pub const DEFAULT_REGISTRY: &str = "https://registry-1.docker.io";
/// Forms of a manifest that have a digest.
const MANIFESTS: &str = "application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.oci.image.manifest.v1+json";
/// How a registry says that it is one.
const VERSION: (&str, &str) = ("docker-distribution-api-version", "registry/2.0");

/// A registry that did not name an image's digest.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The address is no URL.
    #[error("docker_registry should look like {DEFAULT_REGISTRY}, not {address}")]
    Address {
        /// The address, as in `clusters.json`.
        address: String,
    },
    /// Nothing here can make requests to it, for want of CA certificates say.
    #[error("cannot make requests to the registry {address}: {cause}")]
    Client {
        /// The address, as in `clusters.json`.
        address: String,
        /// What is missing.
        cause: String,
    },
    /// There was no answer.
    #[error("cannot ask the registry {address} for {image}: {cause}")]
    Unreachable {
        /// The registry.
        address: String,
        /// The image.
        image: String,
        /// What happened to the request.
        cause: String,
    },
    /// What answers is no registry.
    #[error(
        "{address} is no registry of version 2: it answers {status}; set docker_registry in clusters.json"
    )]
    NoRegistry {
        /// The address.
        address: String,
        /// Status code and its name.
        status: StatusCode,
    },
    /// The registry wants to know who asks.
    #[error(
        "the registry {address} lets nobody see {image} without credentials, which this client has none of"
    )]
    Unauthorized {
        /// The registry.
        address: String,
        /// The image.
        image: String,
    },
    /// The registry does not have the image.
    #[error("the registry {address} has no {image} ({status}); are name and tag right?")]
    NoImage {
        /// The registry.
        address: String,
        /// The image.
        image: String,
        /// Status code and its name.
        status: StatusCode,
    },
}

/// A registry of container images.
#[derive(Debug)]
pub struct Registry {
    http: reqwest::Client,
    base: Url,
}

impl Registry {
    /// The registry at an address such as [`DEFAULT_REGISTRY`].
    ///
    /// # Errors
    /// The address is no URL, or nothing here can make requests to it.
    pub fn new(address: &str) -> Result<Self, RegistryError> {
        let bad = || RegistryError::Address { address: address.to_owned() };
        let base = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let base = base.ok_or_else(bad)?;
        let http = http_client(&base)
            .map_err(|error| RegistryError::Client { address: address.to_owned(), cause: chain(&error) })?;
        Ok(Self { http, base })
    }

    /// What to call the image so that it is always the same: `NAME@DIGEST`, with the registry's host in front unless it
    /// is the default one.
    ///
    /// # Errors
    /// [`RegistryError`].
    pub async fn resolve(&self, name: &str, tag: &str) -> Result<String, RegistryError> {
        let image = format!("{name}:{tag}");
        let address = self.address();
        let root = self.head("/v2/", &image, None).await?;
        let is_registry = root.headers().get(VERSION.0).is_some_and(|version| version == VERSION.1);
        if !is_registry || !matches!(root.status(), StatusCode::OK | StatusCode::UNAUTHORIZED) {
            return Err(RegistryError::NoRegistry { address, status: root.status() });
        }
        let path = format!("/v2/{name}/manifests/{tag}");
        let mut answer = self.head(&path, &image, None).await?;
        if answer.status() == StatusCode::UNAUTHORIZED {
            let token = self.token(&answer, &image).await?;
            answer = self.head(&path, &image, Some(&token)).await?;
        }
        let status = answer.status();
        if matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) {
            return Err(RegistryError::Unauthorized { address, image });
        }
        let digest = answer.headers().get("docker-content-digest").and_then(|digest| digest.to_str().ok());
        match digest {
            Some(digest) if status.is_success() && digest.contains(':') => Ok(self.reference(name, digest)),
            _ => Err(RegistryError::NoImage { address, image, status }),
        }
    }

    fn reference(&self, name: &str, digest: &str) -> String {
        if self.address() == DEFAULT_REGISTRY {
            return format!("{name}@{digest}");
        }
        let host = self.base.host_str().unwrap_or_default();
        let port = self.base.port().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{host}{port}/{name}@{digest}")
    }

    fn address(&self) -> String {
        self.base.as_str().trim_end_matches('/').to_owned()
    }

    fn unreachable(&self, image: &str, error: &reqwest::Error) -> RegistryError {
        RegistryError::Unreachable { address: self.address(), image: image.to_owned(), cause: chain(error) }
    }

    async fn head(&self, path: &str, image: &str, token: Option<&str>) -> Result<Response, RegistryError> {
        let url = format!("{}{path}", self.address());
        let mut request = self.http.request(Method::HEAD, url).header(header::ACCEPT, MANIFESTS);
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        request.send().await.map_err(|error| self.unreachable(image, &error))
    }

    /// A token for pulling, from where the registry says.
    async fn token(&self, refusal: &Response, image: &str) -> Result<String, RegistryError> {
        let denied = || RegistryError::Unauthorized { address: self.address(), image: image.to_owned() };
        let challenge = refusal.headers().get(header::WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let parameters =
            challenge.and_then(|challenge| challenge.strip_prefix("Bearer ")).ok_or_else(denied)?;
        let mut parameters = parameters_of(parameters);
        let mut url =
            parameters.remove("realm").and_then(|realm| Url::parse(realm).ok()).ok_or_else(denied)?;
        url.query_pairs_mut().extend_pairs(parameters.iter());
        let answer = self.http.get(url).send().await.map_err(|error| self.unreachable(image, &error))?;
        if !answer.status().is_success() {
            return Err(denied());
        }
        let body: Value = answer.json().await.map_err(|error| self.unreachable(image, &error))?;
        let token = body.get("token").or_else(|| body.get("access_token")).and_then(Value::as_str);
        token.map(str::to_owned).ok_or_else(denied)
    }
}

/// `a="b",c="d,e"` by name.
fn parameters_of(text: &str) -> HashMap<&str, &str> {
    let mut parameters = HashMap::new();
    let mut rest = text;
    while let Some((name, after)) = rest.split_once("=\"") {
        let Some((value, after)) = after.split_once('"') else { break };
        parameters.insert(name.trim_matches([',', ' ']), value);
        rest = after;
    }
    parameters
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_have_quoted_parameters() {
        let parameters =
            parameters_of(r#"realm="https://auth/token",service="r",scope="repository:a/b:pull,push""#);
        assert_eq!(parameters["realm"], "https://auth/token");
        assert_eq!(parameters["scope"], "repository:a/b:pull,push");
    }

    #[test]
    fn the_default_registry_is_not_named() {
        // The Err of a second installation is that there is a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let named = |address: &str| Registry::new(address).unwrap().reference("library/debian", "sha256:1");
        assert_eq!(named("http://reg:5000"), "reg:5000/library/debian@sha256:1");
        assert!(Registry::new("reg:5000/x").is_err());
    }
}
