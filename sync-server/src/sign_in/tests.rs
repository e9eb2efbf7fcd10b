//! Signatures that another program made (node 22's `crypto`, with keys that were made for this and thrown away).

use super::signature::{Disbelief, believed, keys};

const KEYS: &str = r#"{"keys": [
{"kty":"RSA","n":"p03t5qJsb9njaRWSrefXhOyN5kEKFZGTtxgLWNC5NGUaqu0B7SmBznee7pC-exdpTbJSODuOvFRBkKsADLWCE4DstF4D49Fekz8bE_PwcjRlPB6F_Qa2tUrtX2o96FkKkEpZ_gxhfUnJpX6IYklvLGga0d493UPw16gN5ZDF5opXVOYCkZCbgXiZYXBVKa3-VjUeCcEUb8mgc1kIKWATGLqPkj16VP-D2zNi59l41wUAjgx9UVlhGp0azHGV1KpC2dAROxhUWspNTTZY939Fxr8hFWdLRmqNi_0Bic4JT_NSbbEDFCqvfsGybb6661Vwptvt4ugJGhgqmJDBY7BPhw","e":"AQAB","kid":"rsa"},
{"kty":"EC","x":"ISzYOCv3G4LOqN_7fnglYf3zOdW5wHcy99vvtkzDXlLTvZdDbFbcly-UGhbGvSyY","y":"NfXykJRU6a40aefDsZ0zg2DNYtbOhs0nHIC-UMGHm-FnflQRH__M5VkvGoThWrxa","crv":"P-384","kid":"p384"},
{"crv":"Ed25519","x":"0Ert3klSKO4D2EbEisKnIA16Nl3QvhjTsSCKEt_APeU","kty":"OKP","kid":"ed"}
]}"#;

const RS256: &[&str] = &[
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJzdWIiOiJhZGEifQ.KzZVehvxKJplmj3VldXPzYOjilS1-v9hJVo5zp9A7pt_",
    "s2UQKezIGDp1z18i4F_tVyJWsbDsF8RHoDAnSS2RSUTjQvTCc6NtkjJtGc_MjL-dgldG-e7dEXVPQJRK8IKDK5oEunHkjjgVQA0O",
    "qqm4Gm2WFv27LulblLKNx9cSPr5aVm4yGW6nuysN7SbGLyiNkniDNqYNpIKqjCqBWd4VOuJxTs0KqC6zxyfGQAL1PZ2SMbv8W2sC",
    "Dp-aOGQQdjYQe0uutPJeBdabxPtL0z2zYQMKLe-1NUvg0TRgdulM0WD9dXYGTU7H_BCPgD9fyk9fdzTtzZnHpmpRsIvsX-gAUQ",
];

const PS256: &[&str] = &[
    "eyJhbGciOiJQUzI1NiIsImtpZCI6InJzYSJ9.eyJzdWIiOiJhZGEifQ.Doi0cmuM1FgOMzqnyUq2K5jxPBQCAn_yxfaq34oHj-lU",
    "9_8iJJfGX4jjZshjhxyPHOs8_fxYUrWzrLuezTFJb4-5bvzlBSC8GvyvJN4cdjj7FYZwEELl3ChG9N87g9J2skzs5oV23tFZwyI2",
    "kRcQaJZcTOPxLNtp2e1s1pHNDI5QKgRpBX8FZOnLI5qTscDDOsyAJPwB7xtwfH89c4inEmfHzR0TsqOjMA2l-tNRJXksiC3umb_-",
    "dxf2HOgkw2-hzlLzE9_bt9g5aClAUuxjoiMOnN5NZDTbD-cKEXwfUfw3XqQZ2hlMlChV1INcXl_OUKvGBuJCZBvOwjM_-m_Jbw",
];

const ES384: &[&str] = &[
    "eyJhbGciOiJFUzM4NCIsImtpZCI6InAzODQifQ.eyJzdWIiOiJhZGEifQ.w4pIMBS3w13L1etaRBYzVPVnkUSErIiQVDaBZN7Hq5",
    "SM_PKGvVUe_ZmcG7LtuJNHWXssQ_0XU443TqaMclpqxOBKbB2dpC5fOtcSM5TWNYvRhWcNdGuS3A25DiBpUXYX",
];

const EDDSA: &[&str] = &[
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIn0.eyJzdWIiOiJhZGEifQ.LKDm5bYkMPz0J-IgUPg5L0hviy9ERazXoZlJPZyLy3aWr",
    "EERiDtRx1aFto40o08I4jLb4TKNY4n-B-jUI9EKAw",
];

fn whole(parts: &[&str]) -> String {
    parts.concat()
}

#[test]
fn signatures_of_every_kind_of_key_are_read() {
    let keys = keys(KEYS.as_bytes()).unwrap();
    assert_eq!(keys.len(), 3);
    for token in [RS256, PS256, ES384, EDDSA].map(whole) {
        assert_eq!(believed(&token, &keys).unwrap()["sub"], "ada");
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let (header, _) = signed.split_once('.').unwrap();
        // The same signature under other words: `{"sub":"eve"}`.
        let forged = format!("{header}.eyJzdWIiOiJldmUifQ.{signature}");
        assert_eq!(believed(&forged, &keys), Err(Disbelief::Signature));
        assert_eq!(believed(&token, &[]), Err(Disbelief::UnknownKey));
        // By whole groups of four letters: what is left is base64 as it should be.
        let cut = &token[..token.len() - signature.len() % 4 - 4];
        assert_eq!(believed(cut, &keys), Err(Disbelief::Signature));
    }
}

#[test]
fn a_key_signs_in_its_own_way_alone() {
    let only = KEYS.replace(r#""kid":"rsa""#, r#""kid":"rsa","alg":"PS256""#);
    let keys = keys(only.as_bytes()).unwrap();
    assert_eq!(believed(&whole(RS256), &keys), Err(Disbelief::Algorithm));
    believed(&whole(PS256), &keys).unwrap();
}

#[test]
fn what_is_no_token_is_none() {
    let keys = keys(KEYS.as_bytes()).unwrap();
    // Heads: `none`, `HS256`, something that has to be understood, and one without a name for its key.
    let [none, hmac, critical, nameless] = [
        "eyJhbGciOiJub25lIn0",
        "eyJhbGciOiJIUzI1NiIsImtpZCI6InJzYSJ9",
        "eyJhbGciOiJFUzM4NCIsImNyaXQiOlsiYjY0Il0sImI2NCI6ZmFsc2V9",
        "eyJhbGciOiJFUzM4NCJ9",
    ]
    .map(|head| format!("{head}.eyJzdWIiOiJhZGEifQ."));
    assert_eq!(believed(&none, &keys), Err(Disbelief::Algorithm));
    assert_eq!(believed(&hmac, &keys), Err(Disbelief::Algorithm));
    assert_eq!(believed(&critical, &keys), Err(Disbelief::Malformed));
    assert_eq!(believed(&nameless, &keys), Err(Disbelief::Signature));
    let long = format!("{}.a.b", "a".repeat(1 << 20));
    for wrong in ["", ".", "..", "a.b", "a.b.c", "é.é.é", "e30.e30.e30", long.as_str()] {
        assert_eq!(believed(wrong, &keys), Err(Disbelief::Malformed), "{wrong:.20}");
    }
    for text in ["", "[]", "{}", r#"{"keys": 1}"#] {
        assert!(super::signature::keys(text.as_bytes()).is_none(), "{text}");
    }
    let strange = r#"{"keys": [1, {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {"kty": "oct", "k": "AA"}]}"#;
    assert!(super::signature::keys(strange.as_bytes()).unwrap().is_empty());
}
