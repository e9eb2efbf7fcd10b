//! What the operator says of the provider.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use kartei_relay_store::{OrgId, RelayStore, Role};
use reqwest::Url;

/// The claim with a person's groups, unless another is named.
const ROLE_CLAIM: &str = "groups";

/// A working day: who comes in the next morning signs in again, which is one click where the provider remembers them.
const HOURS: i64 = 12;

/// A month. What is to hold for longer is a token that an administrator makes.
const HOURS_MAX: i64 = 31 * 24;

/// What is asked of the provider unless told: who it is, and under which name.
const SCOPES: &str = "openid email profile";

/// How people sign in with a provider.
#[derive(Debug, Default, Args)]
pub(crate) struct OidcOptions {
    /// Lets people sign in with an OpenID Connect provider, beside tokens: its address (https://…), as it calls itself.
    #[arg(long, env = "KARTEI_OIDC_ISSUER", value_name = "URL")]
    oidc_issuer: Option<String>,
    /// What the provider knows this relay as.
    #[arg(long, env = "KARTEI_OIDC_CLIENT_ID", value_name = "ID")]
    oidc_client_id: Option<String>,
    /// A file with the secret that the provider gave this relay; without one it is a public client. Or the secret itself
    /// in `KARTEI_OIDC_CLIENT_SECRET`.
    #[arg(long, env = "KARTEI_OIDC_CLIENT_SECRET_FILE", value_name = "FILE")]
    oidc_client_secret_file: Option<PathBuf>,
    /// The organisation that people who sign in belong to.
    #[arg(long, env = "KARTEI_OIDC_ORGANISATION", value_name = "NAME")]
    oidc_organisation: Option<String>,
    /// The claim of the ID token that says what somebody may do: a text or a list of texts. Dots lead into objects:
    /// `realm_access.roles`.
    #[arg(long, env = "KARTEI_OIDC_ROLE_CLAIM", value_name = "CLAIM", default_value = ROLE_CLAIM)]
    oidc_role_claim: String,
    /// Gives a role (viewer, analyst, admin) to those in whose claim a value is: `kartei-admins=admin`. May be given
    /// several times, in the variable with `;` between; the highest that fits is somebody's role, and nobody gets in
    /// whom none fits.
    #[arg(
        long = "oidc-role",
        env = "KARTEI_OIDC_ROLES",
        value_name = "VALUE=ROLE",
        value_delimiter = ';'
    )]
    oidc_roles: Vec<RoleOf>,
    /// The claim with a person's name, which colleagues see beside changes. Without it the address for mail where the
    /// provider says that it is verified, else `preferred_username`, `name` or `sub`.
    #[arg(long, env = "KARTEI_OIDC_NAME_CLAIM", value_name = "CLAIM")]
    oidc_name_claim: Option<String>,
    /// What is asked of the provider, with blanks between.
    #[arg(long, env = "KARTEI_OIDC_SCOPES", value_name = "SCOPES", default_value = SCOPES)]
    oidc_scopes: String,
    /// After how many hours somebody signs in again, 1 to 744.
    #[arg(
        long,
        env = "KARTEI_OIDC_TOKEN_HOURS",
        value_name = "HOURS",
        default_value_t = HOURS,
        value_parser = clap::value_parser!(i64).range(1..=HOURS_MAX)
    )]
    oidc_token_hours: i64,
    /// The address of the page for administrators (https://…/admin/) where a proxy does not pass on the name that browsers
    /// ask for. May be given several times.
    #[arg(
        long = "oidc-page",
        env = "KARTEI_OIDC_PAGES",
        value_name = "URL",
        value_delimiter = ','
    )]
    oidc_pages: Vec<String>,
}

/// A value of the claim, and the role that it gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RoleOf {
    pub(super) value: String,
    pub(super) role: Role,
}

impl FromStr for RoleOf {
    type Err = String;

    /// The role stands behind the last `=`: names of directories have some of their own.
    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text.rsplit_once('=') {
            Some((value, role)) if !value.is_empty() => {
                Ok(Self { value: value.to_owned(), role: role.trim().parse()? })
            }
            _ => Err("a value of the claim and a role, as in `kartei-admins=admin`".to_owned()),
        }
    }
}

/// The relay's secret at the provider.
pub(super) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// All that is known before the provider was asked.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) issuer: Url,
    /// As it was written: the provider calls itself exactly so.
    pub(super) issuer_text: String,
    pub(super) client_id: String,
    pub(super) secret: Option<Secret>,
    pub(super) org: OrgId,
    pub(super) organisation: String,
    pub(super) role_claim: String,
    pub(super) roles: Vec<RoleOf>,
    pub(super) name_claim: Option<String>,
    pub(super) scopes: String,
    pub(super) hours: i64,
    pub(super) pages: Vec<String>,
}

impl OidcOptions {
    /// What the options say together; nothing where no provider is named.
    ///
    /// # Errors
    /// Where something is missing or cannot be, with the option's name.
    pub(super) fn settle(self, store: &RelayStore) -> Result<Option<Settings>> {
        let Some(issuer_text) = self.oidc_issuer else {
            if self.oidc_client_id.is_some() || !self.oidc_roles.is_empty() {
                bail!("--oidc-issuer is missing: it says with whom people sign in");
            }
            return Ok(None);
        };
        let missing = |option: &str| format!("{option} is missing, which --oidc-issuer needs");
        let client_id = self
            .oidc_client_id
            .with_context(|| missing("--oidc-client-id (KARTEI_OIDC_CLIENT_ID)"))?;
        let organisation = self
            .oidc_organisation
            .with_context(|| missing("--oidc-organisation (KARTEI_OIDC_ORGANISATION)"))?;
        ensure!(
            !self.oidc_roles.is_empty(),
            "{}: without one nobody could sign in",
            missing("--oidc-role VALUE=ROLE (KARTEI_OIDC_ROLES)")
        );
        let issuer = Url::parse(&issuer_text)
            .with_context(|| format!("--oidc-issuer: `{issuer_text}` is no address"))?;
        ensure!(
            is_confidential(&issuer) && issuer.query().is_none() && issuer.fragment().is_none(),
            "--oidc-issuer: `{issuer_text}` has to be https://…, without `?` and `#`; http:// is for a provider on this \
             machine alone"
        );
        ensure!(
            self.oidc_scopes.split(' ').any(|scope| scope == "openid"),
            "--oidc-scopes: `openid` has to be one of them"
        );
        let org = store.organisation(&organisation).context("--oidc-organisation")?;
        Ok(Some(Settings {
            issuer,
            issuer_text,
            client_id,
            secret: secret(self.oidc_client_secret_file)?,
            org: org.id,
            organisation,
            role_claim: self.oidc_role_claim,
            roles: self.oidc_roles,
            name_claim: self.oidc_name_claim,
            scopes: self.oidc_scopes,
            hours: self.oidc_token_hours,
            pages: self.oidc_pages,
        }))
    }
}

/// The secret in a file, or in the environment: what stands in a command line is seen by everybody on the machine.
fn secret(file: Option<PathBuf>) -> Result<Option<Secret>> {
    let text = match file {
        Some(file) => Some(
            std::fs::read_to_string(&file)
                .with_context(|| format!("--oidc-client-secret-file: read {}", file.display()))?,
        ),
        None => std::env::var("KARTEI_OIDC_CLIENT_SECRET").ok(),
    };
    let text = text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    Ok(text.map(Secret))
}

/// Whether what is sent there can be read by nobody between: by TLS, or within this machine.
pub(super) fn is_confidential(url: &Url) -> bool {
    url.scheme() == "https" || (url.scheme() == "http" && is_this_machine(url))
}

/// Whether an address leads to this machine.
pub(super) fn is_this_machine(url: &Url) -> bool {
    let Some(host) = url.host_str() else { return false };
    let number = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || number.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_stands_behind_the_last_sign() {
        let read = |text: &str| text.parse::<RoleOf>();
        let role = |value: &str, role| Ok(RoleOf { value: value.to_owned(), role });
        assert_eq!(read("staff=viewer"), role("staff", Role::Viewer));
        assert_eq!(read("cn=chefs,dc=example=admin"), role("cn=chefs,dc=example", Role::Admin));
        for wrong in ["", "staff", "=admin", "staff=boss", "staff="] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        let is = |text: &str| is_confidential(&Url::parse(text).unwrap());
        for good in
            ["https://a.example", "http://127.0.0.1:8", "http://[::1]:8/x", "http://localhost"]
        {
            assert!(is(good), "{good}");
        }
        for bad in
            ["http://a.example", "http://127.0.0.1.example", "ftp://127.0.0.1", "http://10.0.0.1"]
        {
            assert!(!is(bad), "{bad}");
        }
    }
}
