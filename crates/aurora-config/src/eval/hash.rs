//! MD5, SHA-1, SHA-224 and SHA-256, for checksums of packages (`hashlib`). Not for secrets.

use std::cell::RefCell;

/// A digest in the making: the data so far.
pub(crate) struct Digest {
    pub algorithm: Algorithm,
    pub data: RefCell<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Md5,
    Sha1,
    Sha224,
    Sha256,
}

impl Algorithm {
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.to_lowercase().replace('-', "").as_str() {
            "md5" => Self::Md5,
            "sha1" | "sha" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            _ => return None,
        })
    }

    pub fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => md5(data),
            Self::Sha1 => sha1(data),
            Self::Sha224 => sha2(data, SHA224_START)[..28].to_vec(),
            Self::Sha256 => sha2(data, SHA256_START),
        }
    }
}

/// The data, a one bit, zeros, and its length in bits: a multiple of 64 bytes.
fn padded(data: &[u8], big_endian: bool) -> Vec<u8> {
    let mut out = data.to_vec();
    out.push(0x80);
    while out.len() % 64 != 56 {
        out.push(0);
    }
    let bits = (data.len() as u64).wrapping_mul(8);
    out.extend(if big_endian { bits.to_be_bytes() } else { bits.to_le_bytes() });
    out
}

fn words(block: &[u8], big_endian: bool) -> [u32; 16] {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks::<4>().0) {
        *word = if big_endian { u32::from_be_bytes(*bytes) } else { u32::from_le_bytes(*bytes) };
    }
    words
}

const MD5_SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the constant is a 32-bit sine by definition"
)]
fn md5(data: &[u8]) -> Vec<u8> {
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    for block in padded(data, false).chunks_exact(64) {
        let m = words(block, false);
        let [mut a, mut b, mut c, mut d] = state;
        for step in 0..64_u32 {
            let i = step as usize;
            let (mix, at) = match i / 16 {
                0 => ((b & c) | (!b & d), i),
                1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
                2 => (b ^ c ^ d, (3 * i + 5) % 16),
                _ => (c ^ (b | !d), (7 * i) % 16),
            };
            let constant = (f64::from(step + 1).sin().abs() * 4_294_967_296.0) as u32;
            let turned = a
                .wrapping_add(mix)
                .wrapping_add(constant)
                .wrapping_add(m[at])
                .rotate_left(MD5_SHIFTS[i / 16][i % 4]);
            (a, d, c, b) = (d, c, b, b.wrapping_add(turned));
        }
        for (total, part) in state.iter_mut().zip([a, b, c, d]) {
            *total = total.wrapping_add(part);
        }
    }
    state.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn sha1(data: &[u8]) -> Vec<u8> {
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    for block in padded(data, true).chunks_exact(64) {
        let mut w = [0_u32; 80];
        w[..16].copy_from_slice(&words(block, true));
        for i in 16..80 {
            w[i] = (w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16]).rotate_left(1);
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (i, word) in w.iter().enumerate() {
            let (mix, constant) = match i / 20 {
                0 => ((b & c) | (!b & d), 0x5a82_7999),
                1 => (b ^ c ^ d, 0x6ed9_eba1),
                2 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
                _ => (b ^ c ^ d, 0xca62_c1d6_u32),
            };
            let next =
                a.rotate_left(5).wrapping_add(mix).wrapping_add(e).wrapping_add(constant).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (total, part) in state.iter_mut().zip([a, b, c, d, e]) {
            *total = total.wrapping_add(part);
        }
    }
    state.iter().flat_map(|word| word.to_be_bytes()).collect()
}

const SHA224_START: [u32; 8] =
    [0xc105_9ed8, 0x367c_d507, 0x3070_dd17, 0xf70e_5939, 0xffc0_0b31, 0x6858_1511, 0x64f9_8fa7, 0xbefa_4fa4];
const SHA256_START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// The fractional bits of the cube roots of the first 64 primes.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the constant is 32 bits by definition"
)]
fn sha2_constants() -> [u32; 64] {
    let mut constants = [0; 64];
    let mut candidate = 2_u32;
    let mut found = 0;
    while found < 64 {
        if (2..candidate).take_while(|d| d * d <= candidate).all(|d| !candidate.is_multiple_of(d)) {
            let root = f64::from(candidate).cbrt();
            constants[found] = (root.fract() * 4_294_967_296.0) as u32;
            found += 1;
        }
        candidate += 1;
    }
    constants
}

fn sha2(data: &[u8], mut state: [u32; 8]) -> Vec<u8> {
    let constants = sha2_constants();
    for block in padded(data, true).chunks_exact(64) {
        let mut w = [0_u32; 64];
        w[..16].copy_from_slice(&words(block, true));
        for i in 16..64 {
            let s0 = w[i - 15].rotate_right(7) ^ w[i - 15].rotate_right(18) ^ (w[i - 15] >> 3);
            let s1 = w[i - 2].rotate_right(17) ^ w[i - 2].rotate_right(19) ^ (w[i - 2] >> 10);
            w[i] = w[i - 16].wrapping_add(s0).wrapping_add(w[i - 7]).wrapping_add(s1);
        }
        let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = state;
        for (word, constant) in w.iter().zip(constants) {
            let s1 = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
            let choice = (e & f) ^ (!e & g);
            let first = h.wrapping_add(s1).wrapping_add(choice).wrapping_add(constant).wrapping_add(*word);
            let s0 = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
            let majority = (a & b) ^ (a & c) ^ (b & c);
            let second = s0.wrapping_add(majority);
            (h, g, f, e, d, c, b, a) = (g, f, e, d.wrapping_add(first), c, b, a, first.wrapping_add(second));
        }
        for (total, part) in state.iter_mut().zip([a, b, c, d, e, f, g, h]) {
            *total = total.wrapping_add(part);
        }
    }
    state.iter().flat_map(|word| word.to_be_bytes()).collect()
}

#[cfg(test)]
mod tests {
    use super::Algorithm;

    fn hex(algorithm: Algorithm, text: &str) -> String {
        algorithm.digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn digests_of_known_texts() {
        assert_eq!(hex(Algorithm::Md5, ""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hex(Algorithm::Md5, "abc"), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hex(Algorithm::Sha1, "abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
        assert_eq!(
            hex(Algorithm::Sha256, "abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
        assert_eq!(hex(Algorithm::Sha224, "abc"), "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7");
        let long = "a".repeat(200);
        assert_eq!(hex(Algorithm::Md5, &long), "887f30b43b2867f4a9accceee7d16e6c");
    }
}
