//! Seeded randomness: ids, names and passwords that differ from each other and repeat with the seed.

const ADJECTIVES: [&str; 8] = ["quiet", "bold", "misty", "late", "calm", "frosty", "amber", "royal"];
const NOUNS: [&str; 8] = ["mountain", "river", "cloud", "forest", "meadow", "sound", "bird", "star"];

/// A small generator (SplitMix64): good enough for ids, no good for real secrets.
#[derive(Debug)]
pub(crate) struct Dice(u64);

impl Dice {
    /// The same seed gives the same rolls.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// `length` characters of `alphabet`, which is ASCII.
    pub(crate) fn text(&mut self, alphabet: &str, length: usize) -> String {
        (0..length).map(|_| pick(alphabet.as_bytes(), self.next()) as char).collect()
    }

    /// Lower-case hex digits.
    pub(crate) fn hex(&mut self, length: usize) -> String {
        self.text("0123456789abcdef", length)
    }

    /// A 26-character upper-case id in the manner of a ULID.
    pub(crate) fn ulid(&mut self) -> String {
        format!("01{}", self.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 24))
    }

    /// A random UUID (version 4).
    pub(crate) fn uuid(&mut self) -> String {
        let (a, b, c, d) = (self.hex(8), self.hex(4), self.hex(3), self.hex(3));
        format!("{a}-{b}-4{c}-a{d}-{}", self.hex(12))
    }

    /// Letters and digits.
    pub(crate) fn password(&mut self) -> String {
        let alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
        format!("npg_{}", self.text(alphabet, 16))
    }

    /// `br-quiet-mountain-12345678`.
    pub(crate) fn label(&mut self, prefix: &str) -> String {
        format!("{prefix}-{}-{}", self.pair(), self.text("0123456789", 8))
    }

    /// `quiet-mountain`.
    pub(crate) fn pair(&mut self) -> String {
        format!("{}-{}", pick(&ADJECTIVES, self.next()), pick(&NOUNS, self.next()))
    }
}

fn pick<T: Copy>(from: &[T], roll: u64) -> T {
    from[usize::try_from(roll % from.len() as u64).unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_decides_and_rolls_differ() {
        let (mut a, mut b, mut c) = (Dice::new(1), Dice::new(1), Dice::new(2));
        let first = a.password();
        assert_eq!(first, b.password());
        assert_ne!(first, a.password());
        assert_ne!(first, c.password());
    }

    #[test]
    fn a_uuid_has_its_shape() {
        let uuid = Dice::new(7).uuid();
        let lengths: Vec<usize> = uuid.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(uuid.as_bytes()[14], b'4');
    }
}
