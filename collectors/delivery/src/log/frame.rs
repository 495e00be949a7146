//! The frame: one sealed request body, and the header that says what it is.
//!
//! ```text
//!  0  magic          4      40  newest timestamp  8      64  shard      2
//!  4  header crc     4      48  samples           4      66  shards     2
//!  8  payload length 4      52  histograms        4      68  content    1
//! 12  payload crc    4      56  exemplars         4      69  flags      1
//! 16  sequence       8      60  metadata          4      70  zeros     10
//! 24  sealed at      8                                   80  payload
//! 32  oldest timestamp 8
//! ```
//!
//! Numbers are little-endian. The header has a checksum of its own, so that a walk over a log
//! trusts lengths and counts without reading payloads.

use super::lane::{Lane, Overlap};
use crate::config::Protocol;
use crate::telemetry::Counts;

/// Bytes of a header.
pub const HEADER: usize = 80;
/// What a header begins with: a pattern that no compressed text is made of.
pub(super) const MAGIC: [u8; 4] = [0xF7, b'S', b'h', 0xFB];
/// Largest payload, in bytes. A request of 2,000 samples is some 60 KB; 64 MB is what receivers
/// refuse at the latest.
pub const MAX_PAYLOAD: usize = 64 << 20;

const FLAG_OVERLAP: u8 = 1;
/// Of a frame without overlap: none of overlap before it that may be unfinished has anything of its series.
const FLAG_PASSES: u8 = 2;

/// What the payload of a frame is, and so how it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Content {
    /// A snappy-compressed `prometheus.WriteRequest`.
    WriteV1 = 1,
    /// A snappy-compressed `io.prometheus.write.v2.Request`.
    WriteV2 = 2,
    /// No request, but a [`super::Gate`]: what is behind it waits for another node.
    Gate = 3,
}

impl Content {
    /// The protocol of a request; none for a gate, which is none.
    pub fn protocol(self) -> Option<Protocol> {
        match self {
            Self::WriteV1 => Some(Protocol::V1),
            Self::WriteV2 => Some(Protocol::V2),
            Self::Gate => None,
        }
    }

    fn from_byte(byte: u8) -> Option<Self> {
        [Self::WriteV1, Self::WriteV2, Self::Gate]
            .into_iter()
            .find(|content| *content as u8 == byte)
    }
}

/// What the header of a frame says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameMeta {
    /// The frame's place in its log; together with the log's id it names the frame for ever.
    pub sequence: u64,
    /// When it was sealed, in milliseconds since the Unix epoch. Behind a [`super::Gate`] it is
    /// never before what the gate waits for, so it may run ahead of the clock a little.
    pub sealed_ms: i64,
    /// The oldest timestamp in it, in milliseconds since the Unix epoch.
    pub oldest_ms: i64,
    /// The newest timestamp in it.
    pub newest_ms: i64,
    /// What it carries.
    pub counts: Counts,
    /// Which series it may hold: what orders it against other frames.
    pub lane: Lane,
    /// What the payload is.
    pub content: Content,
    /// Bytes of the payload.
    pub payload_len: u32,
    /// CRC-32 of the payload.
    pub payload_crc: u32,
}

impl FrameMeta {
    /// Bytes of header and payload.
    pub fn frame_len(&self) -> u64 {
        HEADER as u64 + u64::from(self.payload_len)
    }

    /// The header.
    pub fn encode(&self) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        let mut put = |at: usize, bytes: &[u8]| out[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &MAGIC);
        put(8, &self.payload_len.to_le_bytes());
        put(12, &self.payload_crc.to_le_bytes());
        put(16, &self.sequence.to_le_bytes());
        put(24, &self.sealed_ms.to_le_bytes());
        put(32, &self.oldest_ms.to_le_bytes());
        put(40, &self.newest_ms.to_le_bytes());
        put(48, &self.counts.samples.to_le_bytes());
        put(52, &self.counts.histograms.to_le_bytes());
        put(56, &self.counts.exemplars.to_le_bytes());
        put(60, &self.counts.metadata.to_le_bytes());
        put(64, &self.lane.shard.to_le_bytes());
        put(66, &self.lane.shards.to_le_bytes());
        let flags = match self.lane.overlap {
            Overlap::Nowhere => FLAG_PASSES,
            Overlap::Before => 0,
            Overlap::Here => FLAG_OVERLAP,
        };
        put(68, &[self.content as u8, flags]);
        let crc = crc32fast::hash(&out[8..]);
        out[4..8].copy_from_slice(&crc.to_le_bytes());
        out
    }

    /// Reads a header; `None` when the bytes are not one.
    pub fn decode(header: &[u8; HEADER]) -> Option<Self> {
        if header[..4] != MAGIC || u32_at(header, 4) != crc32fast::hash(&header[8..]) {
            return None;
        }
        let overlap = match header[69] {
            flags if flags & FLAG_OVERLAP != 0 => Overlap::Here,
            flags if flags & FLAG_PASSES != 0 => Overlap::Nowhere,
            _ => Overlap::Before,
        };
        let lane = Lane { shard: u16_at(header, 64), shards: u16_at(header, 66), overlap };
        let payload_len = u32_at(header, 8);
        if payload_len as usize > MAX_PAYLOAD || (lane.shards > 0 && lane.shard >= lane.shards) {
            return None;
        }
        Some(Self {
            sequence: u64_at(header, 16),
            sealed_ms: u64_at(header, 24).cast_signed(),
            oldest_ms: u64_at(header, 32).cast_signed(),
            newest_ms: u64_at(header, 40).cast_signed(),
            counts: Counts {
                samples: u32_at(header, 48),
                histograms: u32_at(header, 52),
                exemplars: u32_at(header, 56),
                metadata: u32_at(header, 60),
            },
            lane,
            content: Content::from_byte(header[68])?,
            payload_len,
            payload_crc: u32_at(header, 12),
        })
    }
}

pub(super) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the slice has the length of the array")
}
