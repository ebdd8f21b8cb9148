//! How large one listing may become: who answers page after page without an end, or with pages that
//! are full of nothing, is stopped. Nothing is taken of such a listing.

use domain::limits::{LIST_ENTITIES_MAX, LISTING_BYTES_MAX, LISTING_TIME_MAX};
use jiff::Timestamp;

/// What of a listing has been read.
#[derive(Debug)]
pub(crate) struct Bounds {
    begun: Timestamp,
    bytes: u64,
}

impl Bounds {
    /// Of a listing that begins now.
    pub fn begin(now: Timestamp) -> Self {
        Self { begun: now, bytes: 0 }
    }

    /// Takes note of a page of so many bytes, with which there are so many entities.
    ///
    /// # Errors
    /// Too many, in words.
    pub fn take(&mut self, bytes: usize, entities: usize, now: Timestamp) -> Result<(), String> {
        self.bytes += bytes as u64;
        let took = now.duration_since(self.begun).unsigned_abs();
        let fits = entities <= LIST_ENTITIES_MAX
            && self.bytes <= LISTING_BYTES_MAX
            && took <= LISTING_TIME_MAX;
        if fits {
            return Ok(());
        }
        Err(format!(
            "{entities} entities and {} bytes in {} s and no end; expected at most \
             {LIST_ENTITIES_MAX} entities, {LISTING_BYTES_MAX} bytes and {} s",
            self.bytes,
            took.as_secs(),
            LISTING_TIME_MAX.as_secs()
        ))
    }
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    #[test]
    fn too_many_entities_too_many_bytes_and_too_long_a_time_are_each_an_end() {
        let begun = Timestamp::UNIX_EPOCH;
        let take = |pages: &[(usize, usize, i64)]| {
            let mut bounds = Bounds::begin(begun);
            let page = |&(bytes, entities, hours): &(usize, usize, i64)| {
                bounds.take(bytes, entities, begun + hours.hours())
            };
            pages.iter().try_for_each(page)
        };
        let half = (LISTING_BYTES_MAX / 2) as usize;
        assert_eq!(take(&[(half, 1, 0), (half, LIST_ENTITIES_MAX, 2)]), Ok(()));
        let wrong = take(&[(half, 1, 0), (half + 1, 7, 0)]).unwrap_err();
        let told = format!("7 entities and {} bytes in 0 s and no end", LISTING_BYTES_MAX + 1);
        assert!(wrong.starts_with(&told), "{wrong}");
        assert!(take(&[(1, LIST_ENTITIES_MAX + 1, 0)]).is_err());
        assert!(take(&[(1, 1, 0), (1, 1, 3)]).is_err());
    }
}
