//! Requests at random, of every API and version: bytes are put together one by one, and
//! the decoder says whether more are needed or the last ones were wrong. What comes out is
//! well formed, with counts, lengths, numbers and names as nobody sends them.

use ottla::format::FormatError;
use ottla::protocol::messages::produce::ProduceResponse;
use ottla::protocol::{ApiKey, RequestHeader, Response as _};

/// A small generator whose every number follows from its seed.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// The body with something wrong: bytes changed, added, missing, or a length that
    /// promises too much.
    pub(crate) fn damage(&mut self, body: &[u8]) -> Vec<u8> {
        let mut body = body.to_vec();
        let at = self.below(body.len());
        match self.below(5) {
            0 => body.truncate(at),
            1 => body.insert(at.min(body.len()), self.byte()),
            2 => body.splice(at..at, i32::MAX.to_be_bytes()).for_each(drop),
            3 => body.splice(at..at, [0xff; 5]).for_each(drop),
            _ => {
                if let Some(byte) = body.get_mut(at) {
                    *byte = byte.wrapping_add(1 << (self.0 % 8));
                }
            }
        }
        body
    }
}

/// Makes bodies.
pub(crate) struct Requests<'r> {
    random: &'r mut Random,
}

impl<'r> Requests<'r> {
    pub(crate) const fn new(random: &'r mut Random) -> Self {
        Self { random }
    }

    /// A body that decodes, or as near to one as was found.
    pub(crate) fn body(&mut self, api: ApiKey, version: i16) -> Vec<u8> {
        let mut body = Vec::new();
        for _ in 0..4000 {
            match api.check_request(&body, version) {
                Ok(()) => break,
                Err(FormatError::Torn { .. }) => body.push(self.likely_byte()),
                // Something a little before here is wrong.
                Err(_) => {
                    let back = 1 + self.random.below(6);
                    body.truncate(body.len().saturating_sub(back));
                }
            }
        }
        body
    }

    /// Mostly what lengths and counts of little begin with, or a letter of a name.
    fn likely_byte(&mut self) -> u8 {
        match self.random.below(16) {
            0..=6 => 0,
            7..=9 => 1,
            10 | 11 => 2,
            12 => 0xff,
            13 => b't',
            14 => 3,
            _ => self.random.byte(),
        }
    }
}

/// A frame with a header and this body.
pub(crate) fn frame(api: ApiKey, version: i16, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![0; 4];
    RequestHeader {
        api,
        version,
        correlation_id: 77,
        client_id: Some("hostile".to_owned()),
    }
    .write(&mut frame);
    frame.extend_from_slice(body);
    let length = i32::try_from(frame.len() - 4).unwrap();
    frame[..4].copy_from_slice(&length.to_be_bytes());
    frame
}

/// The body of a Produce of version 12: one batch for partition 0 of a topic.
pub(crate) fn produce(topic: &str, batch: &[u8]) -> Vec<u8> {
    let mut body = vec![0]; // no transactional id
    body.extend((-1_i16).to_be_bytes());
    body.extend(30_000_i32.to_be_bytes());
    body.push(2); // one topic
    body.push(u8::try_from(topic.len() + 1).unwrap());
    body.extend(topic.bytes());
    body.push(2); // one partition
    body.extend(0_i32.to_be_bytes());
    let mut length = batch.len() + 1;
    while length >= 0x80 {
        body.push((length & 0x7f) as u8 | 0x80);
        length >>= 7;
    }
    body.push(length as u8);
    body.extend(batch);
    body.extend([0, 0, 0]); // no tagged fields
    body
}

/// The error of the only partition in the answer to it.
pub(crate) fn produce_error(answer: &[u8]) -> i16 {
    // Behind the correlation id and the tagged fields of the header.
    let response = ProduceResponse::decode(&answer[5..], 12).unwrap();
    response.responses[0].partition_responses[0].error_code
}
