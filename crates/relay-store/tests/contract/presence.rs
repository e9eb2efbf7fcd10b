use kartei_relay_store::{SEAT_TTL_MS, Seat, Seats};

use crate::stage::{NOW, Stage};

fn seat(person: &str, token: i64, profile: &str) -> Seat {
    Seat {
        profile: profile.to_owned(),
        person: person.to_owned(),
        token,
        session: format!("session-of-{token}"),
    }
}

fn seen(stage: &Stage<'_>, now: i64) -> Vec<(String, String)> {
    let seats = stage.store.seats(stage.org, now).unwrap().seats;
    seats.into_iter().map(|seat| (seat.profile, seat.person)).collect()
}

fn pair(profile: &str, person: &str) -> (String, String) {
    (profile.to_owned(), person.to_owned())
}

/// The counter as a relay's look at many organisations finds it.
fn counter(stage: &Stage<'_>) -> u64 {
    let notices = stage.store.notices(&[stage.org]).unwrap();
    let version = stage.store.seats(stage.org, NOW).unwrap().version;
    assert_eq!(notices[0].presence, version, "both ask for the same counter");
    version
}

pub(crate) fn a_seat_is_seen_until_it_is_left(stage: &Stage<'_>) {
    assert_eq!(stage.store.seats(stage.org, NOW).unwrap(), Seats::default());
    stage.store.sit(stage.org, seat("Ben", 2, "q"), NOW).unwrap();
    stage.store.sit(stage.org, seat("Ada", 1, "p"), NOW + 1).unwrap();
    let both = counter(stage);
    assert_eq!(seen(stage, NOW + 2), [pair("p", "Ada"), pair("q", "Ben")]);
    assert_eq!(stage.store.seats(stage.other, NOW).unwrap().seats, [], "of another organisation");

    stage.store.sit(stage.org, seat("Ada", 1, "p"), NOW + 2).unwrap();
    assert_eq!(counter(stage), both, "holding a seat changes nothing that is seen");
    stage.store.sit(stage.org, seat("Ada", 1, "q"), NOW + 3).unwrap();
    assert_ne!(counter(stage), both);
    assert_eq!(seen(stage, NOW + 3), [pair("q", "Ada"), pair("q", "Ben")], "she went over");

    let before = counter(stage);
    stage.store.leave(stage.org, 1, "session-of-2", NOW + 4).unwrap();
    assert_eq!(counter(stage), before, "nobody ends what another token holds");
    stage.store.leave(stage.org, 2, "session-of-2", NOW + 4).unwrap();
    assert_ne!(counter(stage), before);
    assert_eq!(seen(stage, NOW + 4), [pair("q", "Ada")]);
}

pub(crate) fn a_seat_nobody_holds_expires(stage: &Stage<'_>) {
    stage.store.sit(stage.org, seat("Ada", 1, "p"), NOW).unwrap();
    stage.store.sit(stage.org, seat("Ben", 2, "p"), NOW).unwrap();
    stage.store.sit(stage.org, seat("Ben", 2, "p"), NOW + SEAT_TTL_MS / 2).unwrap();
    let held = counter(stage);
    stage.store.expire_seats(stage.org, NOW + SEAT_TTL_MS - 1).unwrap();
    assert_eq!(counter(stage), held, "both were heard of in time");
    assert_eq!(seen(stage, NOW + SEAT_TTL_MS), [pair("p", "Ben")], "also before it is taken away");
    stage.store.expire_seats(stage.org, NOW + SEAT_TTL_MS).unwrap();
    assert_ne!(counter(stage), held);

    // Whoever comes back late is seen anew.
    let gone = counter(stage);
    stage.store.sit(stage.org, seat("Ada", 1, "p"), NOW + 2 * SEAT_TTL_MS).unwrap();
    assert_ne!(counter(stage), gone);
    assert_eq!(seen(stage, NOW + 2 * SEAT_TTL_MS), [pair("p", "Ada")]);
}

pub(crate) fn one_token_has_few_seats(stage: &Stage<'_>) {
    for at in 0..100_i64 {
        let session = format!("connection-number-{at}");
        let seat = Seat { session, ..seat("Ada", 1, &format!("p-{at}")) };
        stage.store.sit(stage.org, seat, NOW + at).unwrap();
    }
    stage.store.sit(stage.org, seat(&"n".repeat(500), 2, "q"), NOW).unwrap();
    let seats = stage.store.seats(stage.org, NOW + 100).unwrap().seats;
    let (last, others) = seats.split_last().unwrap();
    assert_eq!(others.len(), 8, "the ones that were heard of last");
    assert!(others.iter().any(|seat| seat.profile == "p-99"));
    assert_eq!(last.person.chars().count(), 64, "names are cut");
}
