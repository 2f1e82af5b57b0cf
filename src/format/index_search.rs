//! Searching index files: entries of one size, sorted, perhaps followed by zeros
//! up to the size that was preallocated.
//!
//! Entries are read one at a time through a closure, so a lookup touches only the
//! pages that it needs: in a sorted index of `n` pages at most `2 + 2·log2(n)`, and
//! about four where keys grow evenly, as offsets and times do.
//!
//! Source: `org.apache.kafka.storage.internals.log.AbstractIndex`.

/// The last of `count` entries whose key is at most `target`, with its number;
/// `None` where there is none.
///
/// Guesses by the keys at both ends of what is left, then halves it, in turns.
/// Entries that are out of order make the answer wrong, never the search endless.
pub fn last_at_most<T, E>(
    count: u64,
    mut read: impl FnMut(u64) -> Result<T, E>,
    key: impl Fn(&T) -> i64,
    target: i64,
) -> Result<Option<(u64, T)>, E> {
    if count == 0 {
        return Ok(None);
    }
    let last = read(count - 1)?;
    let mut high_key = key(&last);
    if high_key <= target {
        return Ok(Some((count - 1, last)));
    }
    let mut best = read(0)?;
    let mut low_key = key(&best);
    if low_key > target {
        return Ok(None);
    }
    // key(low) <= target < key(high)
    let (mut low, mut high) = (0, count - 1);
    let mut guess = true;
    while high - low > 1 {
        let at = if guess {
            between(low, high, low_key, high_key, target)
        } else {
            low + (high - low) / 2
        };
        guess = !guess;
        let entry = read(at)?;
        let found = key(&entry);
        if found <= target {
            (low, low_key, best) = (at, found, entry);
        } else {
            (high, high_key) = (at, found);
        }
    }
    Ok(Some((low, best)))
}

/// How many of `count` entries come before the zeros of preallocation.
///
/// An entry for which `is_padding` holds may be the first, real one (a time index
/// may start with time 0 at relative offset 0); it counts only if others follow.
pub fn count_used<T, E>(
    count: u64,
    mut read: impl FnMut(u64) -> Result<T, E>,
    is_padding: impl Fn(&T) -> bool,
) -> Result<u64, E> {
    if count == 0 || !is_padding(&read(count - 1)?) {
        return Ok(count);
    }
    // used(low) unless low is 0, and padding(high)
    let (mut low, mut high) = (0, count - 1);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_padding(&read(middle)?) {
            high = middle;
        } else {
            low = middle;
        }
    }
    if low == 0 && is_padding(&read(0)?) {
        return Ok(0);
    }
    Ok(high)
}

/// Where `target` lies if keys grow evenly; strictly between `low` and `high`.
fn between(low: u64, high: u64, low_key: i64, high_key: i64, target: i64) -> u64 {
    let width = i128::from(high_key) - i128::from(low_key);
    let into = i128::from(target) - i128::from(low_key);
    let step = i128::from(high - low) * into / width.max(1);
    let step = u64::try_from(step).unwrap_or(0);
    low.saturating_add(step).clamp(low + 1, high - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;
    use std::convert::Infallible;

    fn search(keys: &[i64], target: i64) -> Option<u64> {
        let read = |at: u64| Ok::<_, Infallible>(keys[at as usize]);
        let Ok(found) = last_at_most(keys.len() as u64, read, |key| *key, target);
        found.map(|(at, _)| at)
    }

    proptest! {
        #[test]
        fn the_last_at_most_is_what_a_scan_finds(
            mut keys: Vec<i64>, targets: Vec<i64>,
        ) {
            keys.sort_unstable();
            keys.dedup();
            for &target in targets.iter().chain(&keys) {
                let scan = keys.iter().rposition(|key| *key <= target).map(|at| at as u64);
                prop_assert_eq!(search(&keys, target), scan);
            }
        }

        #[test]
        fn keys_out_of_order_never_hang_or_panic(keys: Vec<i64>, target: i64) {
            let _ = search(&keys, target);
        }

        #[test]
        fn used_entries_end_where_the_zeros_begin(used in 0..300_usize, zeros in 0..300_usize) {
            let mut entries: Vec<u8> = vec![1; used];
            entries.resize(used + zeros, 0);
            let read = |at: u64| Ok::<_, Infallible>(entries[at as usize]);
            let Ok(found) = count_used(entries.len() as u64, read, |entry| *entry == 0);
            prop_assert_eq!(found, used as u64);
        }
    }

    #[test]
    fn a_first_entry_that_looks_like_padding_counts_when_others_follow() {
        for (entries, expected) in [(&[0, 1, 1, 0, 0][..], 3), (&[0, 0, 0], 0), (&[0, 1], 2)] {
            let read = |at: u64| Ok::<_, Infallible>(entries[at as usize]);
            let Ok(found) = count_used(entries.len() as u64, read, |entry| *entry == 0);
            assert_eq!(found, expected, "{entries:?}");
        }
    }

    #[test]
    fn a_lookup_in_ten_mebibytes_touches_few_pages() {
        let count = (10 << 20) / 8;
        let mut worst = 0;
        for target in (0..count as i64 * 40).step_by(99_991) {
            let mut pages = HashSet::new();
            let read = |at: u64| {
                pages.insert(at / 512);
                // Batches of about 40 records, unevenly.
                Ok::<_, Infallible>((at * 40 + at * 7 % 31) as i64)
            };
            let Ok(_) = last_at_most(count, read, |key| *key, target);
            worst = worst.max(pages.len());
        }
        assert!(worst <= 5, "{worst} pages");
    }
}
