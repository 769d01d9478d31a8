//! Randomness without state: a hash of (seed, position).

/// SplitMix64's finaliser over both words: any one changed bit changes about half of the result's.
pub(super) const fn mix(seed: u64, position: u64) -> u64 {
    let mut z = seed ^ position.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31);
    z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A hash as a number in [0, 1): its upper 53 bits.
// 53 bits fit an f64 exactly.
pub(super) const fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

/// A hash as a number with mean 0 and variance 1, nearly normal and within ±3.5: the sum of its four
/// 16-bit lanes. Only exact arithmetic, hence the same on every machine.
pub(super) fn bell(hash: u64) -> f64 {
    let lanes = (0..4).map(|lane| ((hash >> (16 * lane)) & 0xffff) as u32).sum::<u32>();
    (f64::from(lanes) / 65_535.0 - 2.0) * 3.0_f64.sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bell_has_mean_zero_and_variance_one() {
        let draws: Vec<f64> = (0..20_000).map(|i| bell(mix(7, i))).collect();
        let mean = draws.iter().sum::<f64>() / 20_000.0;
        let variance = draws.iter().map(|x| x * x).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
    }
}
