//! The standard normal distribution.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// The share of a standard normal distribution at or below `z`, by `libm`'s complementary error
/// function, so that the lower tail keeps its digits: all of them near the middle, and about `1e-13` of
/// the value at −34. NaN for NaN.
#[must_use]
pub fn cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z * FRAC_1_SQRT_2)
}

/// Its density at `z`.
fn density(z: f64) -> f64 {
    libm::exp(-0.5 * z * z) / TAU.sqrt()
}

/// A quotient of two polynomials, coefficients from the constant on.
type Quotient = ([f64; 8], [f64; 8]);

/// Near the middle, in `0.425² − (p − ½)²`.
#[expect(clippy::excessive_precision, reason = "as published")]
const MIDDLE: Quotient = (
    [
        3.387_132_872_796_366_608_0,
        1.331_416_678_917_843_774_5e2,
        1.971_590_950_306_551_442_7e3,
        1.373_169_376_550_946_112_5e4,
        4.592_195_393_154_987_145_7e4,
        6.726_577_092_700_870_085_3e4,
        3.343_057_558_358_812_810_5e4,
        2.509_080_928_730_122_672_7e3,
    ],
    [
        1.0,
        4.231_333_070_160_091_125_2e1,
        6.871_870_074_920_579_083_0e2,
        5.394_196_021_424_751_107_7e3,
        2.121_379_430_158_659_586_7e4,
        3.930_789_580_009_271_061_0e4,
        2.872_908_573_572_194_267_4e4,
        5.226_495_278_852_854_561_0e3,
    ],
);

/// Down to `e^-25`, in `√(−ln p) − 1.6`.
#[expect(clippy::excessive_precision, reason = "as published")]
const TAIL: Quotient = (
    [
        1.423_437_110_749_683_577_34,
        4.630_337_846_156_545_295_90,
        5.769_497_221_460_691_405_50,
        3.647_848_324_763_204_605_04,
        1.270_458_252_452_368_382_58,
        2.417_807_251_774_506_117_70e-1,
        2.272_384_498_926_918_458_33e-2,
        7.745_450_142_783_414_076_40e-4,
    ],
    [
        1.0,
        2.053_191_626_637_758_821_87,
        1.676_384_830_183_803_849_40,
        6.897_673_349_851_000_045_50e-1,
        1.481_039_764_274_800_745_90e-1,
        1.519_866_656_361_645_719_66e-2,
        5.475_938_084_995_344_946_00e-4,
        1.050_750_071_644_416_843_24e-9,
    ],
);

/// Below, in `√(−ln p) − 5`.
#[expect(clippy::excessive_precision, reason = "as published")]
const FAR_TAIL: Quotient = (
    [
        6.657_904_643_501_103_777_20,
        5.463_784_911_164_114_369_90,
        1.784_826_539_917_291_335_80,
        2.965_605_718_285_048_912_30e-1,
        2.653_218_952_657_612_309_30e-2,
        1.242_660_947_388_078_438_60e-3,
        2.711_555_568_743_487_578_15e-5,
        2.010_334_399_292_288_132_65e-7,
    ],
    [
        1.0,
        5.998_322_065_558_879_376_90e-1,
        1.369_298_809_227_358_053_10e-1,
        1.487_536_129_085_061_485_25e-2,
        7.868_691_311_456_132_591_00e-4,
        1.846_318_317_510_054_681_80e-5,
        1.421_511_758_316_445_888_70e-7,
        2.044_263_103_389_939_785_64e-15,
    ],
);

fn quotient(of: &Quotient, at: f64) -> f64 {
    let value = |polynomial: &[f64; 8]| polynomial.iter().rev().fold(0.0, |sum, c| sum * at + c);
    value(&of.0) / value(&of.1)
}

/// The `z` at or below which the share `p` of a standard normal distribution lies, for `p` in (0, 1);
/// nothing outside. Wichura's quotients of polynomials (1988, algorithm AS 241) and one step of
/// Halley's method on [`cdf`]: about `1e-15` of `z`. `quantile(1 − p)` is `−quantile(p)`, as far as
/// `1 − p` is exact.
#[must_use]
pub fn quantile(p: f64) -> Option<f64> {
    if !(p > 0.0 && p < 1.0) {
        return None;
    }
    let off = p - 0.5;
    if off.abs() <= 0.425 {
        let z = off * quotient(&MIDDLE, 0.425 * 0.425 - off * off);
        // Against the error function rather than the share: near the middle it keeps all digits.
        return Some(halley(z, 0.5 * libm::erf(z * FRAC_1_SQRT_2) - off));
    }
    // Above one half, 1 − p is exact, and the tail has more digits.
    let tail = if off < 0.0 { p } else { 1.0 - p };
    let root = (-libm::log(tail)).sqrt();
    let start =
        if root <= 5.0 { -quotient(&TAIL, root - 1.6) } else { -quotient(&FAR_TAIL, root - 5.0) };
    // Where the density is about to leave the range of f64 a step would do harm.
    let z = if tail < 1e-290 { start } else { halley(start, cdf(start) - tail) };
    Some(if off < 0.0 { z } else { -z })
}

/// One step of Halley's method from `z`, where the share is too great by `excess`.
fn halley(z: f64, excess: f64) -> f64 {
    let step = excess / density(z);
    z - step / (1.0 + 0.5 * z * step)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether two numbers agree to a relative difference.
    fn close(a: f64, b: f64, within: f64) -> bool {
        (a - b).abs() <= within * b.abs()
    }

    #[test]
    fn values_of_tables() {
        // Abramowitz and Stegun 1964, table 26.1 and 26.2, and R's pnorm and qnorm.
        assert_eq!(cdf(0.0), 0.5);
        assert!(close(cdf(1.0), 0.841_344_746_068_542_9, 1e-15));
        assert!(close(cdf(-1.0), 0.158_655_253_931_457_05, 1e-15));
        assert!(close(cdf(-5.0), 2.866_515_718_791_939e-7, 1e-14));
        assert!(close(cdf(-10.0), 7.619_853_024_160_525e-24, 1e-13));
        for (p, z) in [
            (0.975, 1.959_963_984_540_054),
            (0.995, 2.575_829_303_548_900_4),
            (0.95, 1.644_853_626_951_472_2),
            (0.75, 0.674_489_750_196_081_7),
            (1e-10, -6.361_340_902_404_055),
        ] {
            let found = quantile(p).unwrap();
            assert!(close(found, z, 2e-15), "{p}: {found} and not {z}");
        }
        assert_eq!(quantile(0.5), Some(0.0));
    }

    #[test]
    fn shares_that_are_none() {
        for p in [0.0, 1.0, -0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert_eq!(quantile(p), None, "{p}");
        }
        assert!(quantile(f64::from_bits(1)).unwrap() < -38.0);
    }

    proptest! {
        #[test]
        fn the_inverse_is_one(exponent in -290.0..0.0_f64) {
            let p = libm::exp10(exponent).min(0.999_999);
            let back = cdf(quantile(p).unwrap());
            // The share changes by z² where z changes by one part.
            prop_assert!(close(back, p, 1e-15 * (10.0 - 8.0 * exponent)), "{p}: {back}");
        }

        #[test]
        fn both_tails_are_alike(numerator in 1_u32..1 << 30) {
            let p = f64::from(numerator) / f64::from(1 << 30);
            prop_assert_eq!(quantile(1.0 - p), quantile(p).map(|z| -z));
        }
    }
}
