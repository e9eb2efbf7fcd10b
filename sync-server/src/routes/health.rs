//! Whether the relay is alive.

pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}
