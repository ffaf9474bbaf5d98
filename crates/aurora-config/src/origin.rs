//! Places in the model's values: a [`Span`] packed into the number the model carries along.

use aurora_model::Origin;

use crate::diagnostic::{SourceMap, Span};

/// Bits of a position and of a length; files are at most 4 MiB (`parse::limits`).
const POSITION_BITS: u32 = 23;

/// The origin that stands for a span.
pub(crate) fn pack(span: Span) -> Option<Origin> {
    let mask = (1_u64 << POSITION_BITS) - 1;
    let length = u64::from(span.end.saturating_sub(span.start)).min(mask);
    let file = u64::from(span.file) + 1;
    (file < 1 << (64 - 2 * POSITION_BITS))
        .then(|| {
            Origin::new(
                file << (2 * POSITION_BITS) | (u64::from(span.start) & mask) << POSITION_BITS | length,
            )
        })
        .flatten()
}

/// The span an origin stands for.
pub(crate) fn unpack(origin: Origin) -> Span {
    let mask = (1_u64 << POSITION_BITS) - 1;
    let number = origin.id();
    let part = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
    let start = part((number >> POSITION_BITS) & mask);
    Span {
        file: part((number >> (2 * POSITION_BITS)).saturating_sub(1)),
        start,
        end: start + part(number & mask),
    }
}

/// The part of `span` that holds `wanted`, if it holds it: one reference of a long command line.
pub(crate) fn narrow(span: Span, wanted: &str, sources: &SourceMap) -> Span {
    match sources.text(span).find(wanted) {
        Some(at) if !wanted.is_empty() => {
            let offset = |count: usize| u32::try_from(count).unwrap_or(0);
            let start = span.start + offset(at);
            Span { file: span.file, start, end: start + offset(wanted.len()) }
        }
        _ => span,
    }
}

#[cfg(test)]
mod tests {
    use super::{Span, pack, unpack};

    #[test]
    fn spans_survive_packing() {
        for span in [Span::default(), Span { file: 3, start: 4_000_000, end: 4_100_000 }] {
            assert_eq!(unpack(pack(span).unwrap()), span);
        }
    }
}
