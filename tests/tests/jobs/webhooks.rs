//! Notifications told over an organisation's webhook.

use anyhow::Result;
use kartei_protocol::admin::{Channel, Delivery, DeliveryPage, DeliveryState, WebhookInfo};
use kartei_protocol::jobs::JobState;
use kartei_test_support::{Http, Postgres, Receiver, Stage, until, until_some};
use serde_json::{Value, json};

use crate::admin::{administrator, audited, read};
use crate::receiver::{check, id_of};
use crate::{JSON, Office, WITHIN, office, opened, post, quality};

/// Nobody works, so that a job waits until it is cancelled.
const PRIVATE: &[(&str, &str)] = &[("KARTEI_WEBHOOK_PRIVATE", "true"), ("KARTEI_WORKERS", "0")];

fn set(chef: &Http, url: &str) -> Result<WebhookInfo> {
    let body = json!({"url": url}).to_string();
    let reply = chef.send("PUT", "/admin/webhook", &[JSON], body.as_bytes())?.expect(200)?;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    Ok(serde_json::from_value(reply.json())?)
}

/// Deliveries to the webhook, the newest first.
fn deliveries(chef: &Http) -> Result<Vec<Delivery>> {
    let page: DeliveryPage = read(chef, "/admin/deliveries?limit=500")?;
    Ok(page.deliveries.into_iter().filter(|one| one.channel == Channel::Webhook).collect())
}

/// The one delivery to the webhook, once it is in a state.
fn one_in(chef: &Http, state: DeliveryState) -> Result<Delivery> {
    until_some(WITHIN, "the delivery gets there", || {
        Ok(deliveries(chef)?.into_iter().next().filter(|one| one.status == state))
    })
}

fn canceled(office: &Office) -> Result<String> {
    let job = office.submit(&quality())?.job_id;
    assert_eq!(office.cancel(&job)?.status, JobState::Canceled);
    Ok(job)
}

fn telling(office: &Office) -> Result<()> {
    let chef = administrator(office)?;
    chef.get("/admin/webhook")?.expect(404)?;
    // Twice it does not go well, and it does not go where it is sent to.
    let receiver = Receiver::begin(&[Some(302), Some(200), Some(410)])?;
    let webhook = set(&chef, &receiver.url("hook"))?;
    let secret = webhook.secret.clone().unwrap_or_default();
    assert_eq!(
        read::<WebhookInfo>(&chef, "/admin/webhook")?,
        WebhookInfo { secret: None, ..webhook }
    );
    let job = canceled(office)?;
    let delivered = one_in(&chef, DeliveryState::Delivered)?;
    assert_eq!((delivered.attempts, delivered.answer), (2, Some(200)));
    assert_eq!((delivered.job_id.as_ref(), delivered.kind.as_str()), (Some(&job), "job_canceled"));
    let came = receiver.came();
    assert_eq!(came.len(), 2, "no redirect is followed");
    for one in &came {
        check(one, &secret)?;
        assert_eq!((id_of(one), &one.body), (delivered.webhook_id.clone(), &came[0].body));
        let told: Value = serde_json::from_slice(&one.body)?;
        assert_eq!((&told["type"], &told["data"]["job_id"]), (&json!("job.canceled"), &json!(job)));
        assert_eq!(told["data"]["person"], "Ada");
        assert!(told["timestamp"].as_str().is_some_and(|moment| moment.ends_with('Z')), "{told}");
    }
    // By hand once more, with the same id; the receiver says that nobody is there any more.
    let again = format!("/admin/deliveries/{}/send", delivered.id);
    post(&chef, &again, &[], &json!({}))?.expect(200)?;
    let failed = one_in(&chef, DeliveryState::Failed)?;
    assert_eq!((failed.attempts, failed.answer), (1, Some(410)));
    assert_eq!(id_of(&receiver.came()[2]), delivered.webhook_id);
    // In the person's list it was all the time.
    let page: DeliveryPage = read(&chef, "/admin/deliveries?limit=1&status=delivered")?;
    assert_eq!((page.deliveries[0].channel, page.next), (Channel::InApp, None));
    let in_app = format!("/admin/deliveries/{}/send", page.deliveries[0].id);
    post(&chef, &in_app, &[], &json!({}))?.expect(409)?;
    post(&chef, "/admin/deliveries/999999/send", &[], &json!({}))?.expect(404)?;
    chef.get("/admin/deliveries?status=lost")?.expect(400)?;
    // Nobody else.
    for path in ["/admin/webhook", "/admin/deliveries"] {
        office.http.get(path)?.expect(403)?;
    }
    post(&office.http, &again, &[], &json!({}))?.expect(403)?;
    let foreign = office.home.organisation("Foreign")?;
    let theirs = Http::new(office.relay.url(), Some(&foreign.token("admin", "Chef")?));
    theirs.get("/admin/webhook")?.expect(404)?;
    assert_eq!(read::<DeliveryPage>(&theirs, "/admin/deliveries")?.deliveries, []);
    post(&theirs, &again, &[], &json!({}))?.expect(404)?;
    chef.send("DELETE", "/admin/webhook", &[], &[])?.expect(204)?;
    chef.send("DELETE", "/admin/webhook", &[], &[])?.expect(404)?;
    let told = audited(&chef)?;
    let resent = format!("Chef delivery.resent {}", delivered.id);
    assert_eq!(told, ["Chef webhook.set webhook", &resent, "Chef webhook.removed webhook"]);
    let log = office.home.run(&["audit", "--org", "Test", "--json"])?.expect_code(0)?;
    assert!(!String::from_utf8_lossy(log.stdout()).contains(&secret));
    Ok(())
}

#[test]
fn an_organisation_is_told_over_its_webhook() -> Result<()> {
    telling(&office(PRIVATE, "bfi.ndjson.gz")?)
}

#[test]
fn an_organisation_is_told_on_postgres() -> Result<()> {
    let cluster = Postgres::start(false)?;
    let database = cluster.database("jobs")?;
    let stage = Stage::new()?;
    let key = stage.path("operator.key");
    std::fs::write(&key, "07".repeat(32))?;
    let key = key.to_string_lossy().into_owned();
    let settings = [PRIVATE[0], PRIVATE[1], ("KARTEI_KEY_FILE", &key)];
    let home = stage.relay_home_on(&database)?.with(&settings);
    telling(&opened(stage, home, "bfi.ndjson.gz")?)
}

#[test]
fn a_relay_that_dies_while_it_tells_tells_once_more_at_most() -> Result<()> {
    let office = office(PRIVATE, "bfi.ndjson.gz")?;
    let chef = administrator(&office)?;
    let receiver = Receiver::begin(&[None])?;
    let secret = set(&chef, &receiver.url("hook"))?.secret.unwrap_or_default();
    canceled(&office)?;
    until(WITHIN, "the relay is telling", || Ok(receiver.came().len() == 1))?;
    // As a crash would, between sending and what became of it.
    let Office { home, relay, .. } = office;
    drop(relay);
    let relay = home.start()?;
    let chef = Http::new(relay.url(), Some(&home.token("admin", "Chef")?));
    let delivered = one_in(&chef, DeliveryState::Delivered)?;
    assert_eq!(delivered.attempts, 2);
    let came = receiver.came();
    assert_eq!(came.len(), 2);
    assert_eq!((id_of(&came[0]), &came[0].body), (id_of(&came[1]), &came[1].body));
    check(&came[1], &secret)
}

#[test]
fn what_is_too_much_is_told_together() -> Result<()> {
    let office = office(PRIVATE, "bfi.ndjson.gz")?;
    let chef = administrator(&office)?;
    let receiver = Receiver::begin(&[])?;
    set(&chef, &receiver.url("hook"))?;
    for _ in 0..33 {
        canceled(&office)?;
    }
    let all = until_some(WITHIN, "everything is told or waits for the digest", || {
        let all = deliveries(&chef)?;
        let is_told = |one: &&Delivery| one.status == DeliveryState::Delivered;
        Ok(Some(all).filter(|all| all.len() >= 34 && all.iter().filter(is_told).count() == 30))
    })?;
    let kinds = |state: DeliveryState| all.iter().filter(move |one| one.status == state);
    assert_eq!(kinds(DeliveryState::Suppressed).count(), 3);
    assert!(kinds(DeliveryState::Pending).all(|one| one.kind == "digest"));
    assert_eq!(receiver.came().len(), 30);
    Ok(())
}

#[test]
fn webhooks_lead_to_public_addresses_alone() -> Result<()> {
    let office = office(&[("KARTEI_WORKERS", "0")], "bfi.ndjson.gz")?;
    let chef = administrator(&office)?;
    let receiver = Receiver::begin(&[])?;
    for url in
        [&receiver.url("hook"), "https://10.0.0.1/", "https://localhost/", "http://example.org/"]
    {
        let body = json!({"url": url}).to_string();
        let refused = chef.send("PUT", "/admin/webhook", &[JSON], body.as_bytes())?.expect(400)?;
        assert_eq!(refused.json()["code"], "invalid_request", "{url}");
    }
    chef.get("/admin/webhook")?.expect(404)?;
    // Set while it was allowed: not sent to any more.
    let Office { home, relay, stage: _stage, .. } = office;
    drop(relay);
    let allowed = home.clone().with(PRIVATE).start()?;
    let chef = Http::new(allowed.url(), Some(&home.token("admin", "Chef")?));
    set(&chef, &receiver.url("hook"))?;
    drop(allowed);
    let relay = home.start()?;
    let ada = Http::new(relay.url(), Some(&home.token("analyst", "Ada")?));
    let job = post(&ada, "/analyze/jobs", &[], &quality())?.expect(201)?.json();
    let cancel = format!("/analyze/jobs/{}/cancel", job["job_id"].as_str().unwrap_or_default());
    post(&ada, &cancel, &[], &json!({}))?.expect(200)?;
    let chef = Http::new(relay.url(), Some(&home.token("admin", "Chef")?));
    let waits = until_some(WITHIN, "it was tried", || {
        Ok(deliveries(&chef)?.into_iter().find(|one| one.detail.is_some()))
    })?;
    assert!(waits.detail.is_some_and(|detail| detail.contains("private address")));
    assert!(receiver.came().is_empty());
    Ok(())
}
