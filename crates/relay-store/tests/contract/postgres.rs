//! What only Postgres has: roles, row-level security, migrations apart from serving.

use kartei_relay_store::{Migrated, RelayStore, RelayStoreError};
use kartei_test_support::{Postgres, until};

use crate::stage::NOW;

/// How long is waited for what another thread does.
const WITHIN: std::time::Duration = std::time::Duration::from_secs(60);

/// Lets every insertion take some milliseconds, so that transactions overlap.
pub(crate) fn slow_inserts_down(cluster: &Postgres, database: &str) {
    cluster
        .sql(
            database,
            "CREATE FUNCTION kartei.dawdle() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(random() * 0.004); RETURN NULL; END $$; \
             GRANT EXECUTE ON FUNCTION kartei.dawdle() TO PUBLIC; \
             CREATE TRIGGER dawdle AFTER INSERT OR UPDATE ON kartei.profiles \
             FOR EACH STATEMENT EXECUTE FUNCTION kartei.dawdle()",
        )
        .unwrap();
}

#[test]
fn only_a_migrated_database_is_served() {
    let cluster = Postgres::start(false).unwrap();
    let database = cluster.database("fresh").unwrap();
    let empty = RelayStore::connect(&database.relay_url).unwrap_err();
    assert!(matches!(empty, RelayStoreError::TooOld { found: 0, .. }), "{empty}");
    assert!(empty.to_string().contains("kartei-relay migrate"), "{empty}");

    let role = Some(database.relay_role.as_str());
    let Migrated { from, to } = RelayStore::migrate(&database.owner_url, role).unwrap();
    assert_eq!(from, 0);
    assert_eq!(
        RelayStore::migrate(&database.owner_url, role).unwrap(),
        Migrated { from: to, to },
        "a second time changes nothing"
    );
    RelayStore::connect(&database.relay_url).unwrap();

    // A later version that only adds: this one goes on.
    let next = to + 1;
    cluster
        .sql(
            "fresh",
            &format!(
                "ALTER TABLE kartei.profiles ADD COLUMN later text; \
                 INSERT INTO kartei.formats VALUES ({next}, {to}, '\\x00')"
            ),
        )
        .unwrap();
    let store = RelayStore::connect(&database.relay_url).unwrap();
    store.create_organisation("One", NOW).unwrap();
    // And one that takes away what this one needs.
    cluster.sql("fresh", &format!("UPDATE kartei.formats SET compatible_from = {next}")).unwrap();
    let newer = RelayStore::connect(&database.relay_url).unwrap_err();
    assert!(matches!(newer, RelayStoreError::TooNew { .. }), "{newer}");
    let newer = RelayStore::migrate(&database.owner_url, role).unwrap_err();
    assert!(matches!(newer, RelayStoreError::TooNew { .. }), "{newer}");
}

#[test]
fn the_database_keeps_organisations_apart_by_itself() {
    let cluster = Postgres::start(false).unwrap();
    let database = cluster.database("apart").unwrap();
    RelayStore::migrate(&database.owner_url, Some(&database.relay_role)).unwrap();

    for (url, why) in [
        (database.owner_url.clone(), "owns the tables"),
        (format!("postgres://cluster@127.0.0.1:{}/apart", cluster.port()), "row-level security"),
    ] {
        let unsafe_role = RelayStore::connect(&url).unwrap_err();
        assert!(unsafe_role.to_string().contains(why), "{unsafe_role}");
    }

    let store = RelayStore::connect(&database.relay_url).unwrap();
    let one = store.create_organisation("One", NOW).unwrap().id;
    store.create_organisation("Two", NOW).unwrap();
    store.create_token(one, kartei_relay_store::Role::Viewer, "Ada", NOW).unwrap();
    let as_relay = |sql: &str| {
        cluster.sql("apart", &format!("SET ROLE apart_relay; {sql}")).map_err(|e| e.to_string())
    };
    // All that there are; `formats` says of which version the tables are.
    let tables = "SELECT string_agg(relname, ' ') FROM pg_class WHERE relkind IN ('r', 'p') \
                  AND relnamespace = 'kartei'::regnamespace AND relname <> 'formats'";
    let tables = cluster.sql("apart", tables).unwrap();
    let tables: Vec<&str> = tables.split_whitespace().collect();
    assert!(tables.len() > 30 && tables.contains(&"calibrations"), "{tables:?}");
    for table in tables {
        let count = as_relay(&format!("SELECT count(*) FROM kartei.{table}")).unwrap();
        assert_eq!(count, "0", "without a setting, {table} is empty");
        let forced = cluster
            .sql(
                "apart",
                &format!(
                    "SELECT relforcerowsecurity FROM pg_class WHERE oid = 'kartei.{table}'::regclass"
                ),
            )
            .unwrap();
        assert_eq!(forced, "t", "{table}");
    }
    let set = "SET kartei.org = '1'";
    assert_eq!(
        as_relay(&format!("{set}; SELECT count(*) FROM kartei.organisations")).unwrap(),
        "1"
    );
    let foreign = as_relay(&format!(
        "{set}; INSERT INTO kartei.tokens (org, name, role, hash, created_at) \
         VALUES (2, 'x', 'admin', '\\x00', 0)"
    ));
    assert!(foreign.unwrap_err().contains("row-level security"));
    for forbidden in [
        "ALTER TABLE kartei.profiles DISABLE ROW LEVEL SECURITY",
        "DROP TABLE kartei.changes",
        "UPDATE kartei.formats SET compatible_from = 0",
        "CREATE TABLE kartei.mine (id int)",
    ] {
        assert!(as_relay(forbidden).is_err(), "{forbidden}");
    }
}

#[test]
fn an_address_that_is_wrong_says_so_without_its_password() {
    for url in [
        "postgres://relay:s3cret@127.0.0.1:1/nothing",
        "postgres://relay:s3cret@[nonsense/x",
        "mysql://relay:s3cret@127.0.0.1/x",
    ] {
        let error = RelayStore::connect(url).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("s3cret"), "{text}");
        assert!(text.contains("database"), "{text}");
    }
}

#[test]
fn a_word_reaches_other_programs_also_after_the_database_was_away() {
    let mut cluster = Postgres::start(false).unwrap();
    let database = cluster.database("words").unwrap();
    RelayStore::migrate(&database.owner_url, Some(&database.relay_role)).unwrap();
    let open = || RelayStore::connect(&database.relay_url).unwrap();
    let (says, hears) = (open(), open());
    let (woken, words) = std::sync::mpsc::channel();
    hears.hear_jobs(move || {
        // The test may be over.
        let _ = woken.send(());
    });
    let next = || words.recv_timeout(WITHIN).expect("it is heard");
    next();
    assert!(words.try_recv().is_err(), "once when it begins to listen, and not again");
    says.announce_jobs().unwrap();
    next();
    cluster.crash_and_restart().unwrap();
    next();
    until(WITHIN, "the pool has connections again", || Ok(says.announce_jobs().is_ok())).unwrap();
    next();
}
