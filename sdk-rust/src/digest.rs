//! A digest that notices changes.

/// FNV-1a over the parts, as 16 hexadecimal digits.
///
/// It notices that a definition changed between two runs; it resists nobody who tries. Never give it a
/// secret: it is kept in state, and a short secret could be guessed from it. Mask sealed values first
/// ([`sealed::mask`](crate::sealed::mask)).
pub fn digest<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = OFFSET;
    for part in parts {
        // 0xff occurs in no UTF-8 text: ["ab", "c"] and ["a", "bc"] differ.
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::digest;

    #[test]
    fn parts_are_kept_apart() {
        assert_ne!(digest(["ab", "c"]), digest(["a", "bc"]));
        assert_ne!(digest([""]), digest([]));
        assert_eq!(digest(["a"]), digest(["a"]));
    }
}
