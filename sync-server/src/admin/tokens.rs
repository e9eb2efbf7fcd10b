//! `kartei-relay admin token`: tokens, at the relay's own machine. What is done here is audited as by
//! `administrator`.

use anyhow::{Result, bail};
use clap::Subcommand;
use kartei_protocol::admin::{TokenCreated, TokenInfo, TokenList};
use kartei_relay_store::{OrgId, RelayStore, Role, TokenRevoked, TokenWish};

use super::{Place, administrator, moment, now, one_line};
use crate::routes::token_told;

#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    /// Creates a token and prints it: it is shown this once and stored hashed.
    Create {
        /// The organisation's name.
        #[arg(long)]
        org: String,
        /// viewer, analyst or admin.
        #[arg(long)]
        role: Role,
        /// Whose token it is; colleagues see the name beside changes.
        #[arg(long)]
        name: String,
        /// After how many days it ends by itself, 1 to 3650; never without.
        #[arg(long, value_name = "DAYS")]
        expires_in_days: Option<i64>,
        #[command(flatten)]
        place: Place,
    },
    /// Lists the tokens that hold, the newest first.
    List {
        /// The organisation's name.
        #[arg(long)]
        org: String,
        /// Also those that were revoked or have come to their end.
        #[arg(long)]
        all: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Revokes tokens for good: one, or all of a name. Also the last administrator's.
    Revoke {
        /// The organisation's name.
        #[arg(long)]
        org: String,
        /// All tokens of this name.
        #[arg(long, required_unless_present = "id", conflicts_with = "id")]
        name: Option<String>,
        /// The token with this id, as `list` shows it.
        #[arg(long)]
        id: Option<i64>,
        #[command(flatten)]
        place: Place,
    },
}

pub(super) fn run(command: TokenCommand) -> Result<()> {
    match command {
        TokenCommand::Create { org, role, name, expires_in_days, place } => {
            let by = administrator();
            let wish = TokenWish { name: &name, role, days: expires_in_days, by: &by };
            wish.check()?;
            let store = place.storage.open()?;
            let made = store.make_token(store.organisation(&org)?.id, &wish, now())?;
            if place.json {
                let info = token_told(made.row, None);
                println!("{}", serde_json::to_string(&TokenCreated { token: made.token, info })?);
            } else {
                println!("{}", made.token);
                eprintln!("This token is shown once. `kartei login URL` uses it.");
            }
        }
        TokenCommand::List { org, all, place } => {
            let store = place.storage.open()?;
            let (org, now) = (store.organisation(&org)?.id, now());
            let rows = store.tokens(org, now, all)?;
            let tokens: Vec<_> = rows.into_iter().map(|row| token_told(row, None)).collect();
            if place.json {
                println!("{}", serde_json::to_string(&TokenList { tokens })?);
            } else {
                tokens.iter().for_each(|token| println!("{}", line(token, now)));
            }
        }
        TokenCommand::Revoke { org, name, id, place } => {
            let store = place.storage.open()?;
            let org = store.organisation(&org)?.id;
            let (revoked, whose) = match (id, name) {
                (Some(id), _) => (revoke(&store, org, id)?, format!("with the id {id}")),
                (None, name) => {
                    let name = name.unwrap_or_default();
                    let revoked = store.revoke_tokens(org, &name, &administrator(), now())?;
                    (revoked, format!("of `{name}`"))
                }
            };
            if revoked == 0 {
                bail!("there is no token {whose} that is not revoked");
            }
            if place.json {
                println!("{}", serde_json::json!({ "revoked": revoked }));
            } else {
                println!("Tokens {whose} that were revoked: {revoked}.");
            }
        }
    }
    Ok(())
}

fn revoke(store: &RelayStore, org: OrgId, id: i64) -> Result<u64> {
    let revoked = store.revoke_token(org, id, &administrator(), true, now())?;
    Ok(u64::from(revoked == TokenRevoked::Now))
}

/// A token in one line.
fn line(token: &TokenInfo, now: i64) -> String {
    let TokenInfo { token_id, name, role, created_at, .. } = token;
    let (role, name, made) = (role.word(), one_line(name), moment(*created_at));
    let mut line = format!("{token_id}  {role}  {name}  made {made}");
    if let Some(by) = &token.created_by {
        line.push_str(&format!(" by {}", one_line(by)));
    }
    let end = if token.expires_at.is_some_and(|at| at > now) { "ends" } else { "ended" };
    let moments =
        [("used", token.last_used_at), (end, token.expires_at), ("revoked", token.revoked_at)];
    for (word, at) in moments {
        if let Some(at) = at {
            line.push_str(&format!("  {word} {}", moment(at)));
        }
    }
    line
}
