//! What is sent: random bytes that are made once, and differ from file to file.
//!
//! A relay keeps equal contents once, so files must differ, and making gigabytes of random bytes would
//! cost more than sending them. So each MiB of a file is one of some random blocks that stay in memory,
//! with a stamp of file and place over its beginning.

use std::fs::File;
use std::io::{self, IoSlice, Read, Write};

use crate::Outcome;

/// Bytes of a block.
const BLOCK: usize = 1 << 20;

/// Blocks: more than processors keep in their caches, so that sending reads memory as it would of a file.
const BLOCKS: usize = 64;

/// Bytes at a block's beginning that tell it from all others.
const STAMP: usize = 16;

/// Blocks in one call of the system at most.
const GATHERED: usize = 8;

/// The random blocks of a run.
#[derive(Debug)]
pub(crate) struct Content {
    blocks: Vec<Vec<u8>>,
    /// Differs from run to run.
    seed: u64,
}

impl Content {
    /// Asks the system for random bytes.
    pub(crate) fn make() -> Outcome<Self> {
        let mut source = File::open("/dev/urandom")?;
        let mut seed = [0; 8];
        source.read_exact(&mut seed)?;
        let mut blocks = Vec::with_capacity(BLOCKS);
        for _ in 0..BLOCKS {
            let mut block = vec![0; BLOCK];
            source.read_exact(&mut block)?;
            blocks.push(block);
        }
        Ok(Self { blocks, seed: u64::from_le_bytes(seed) })
    }

    /// Writes the bytes `[from, until)` of a file after `head`. `from` is where a block begins.
    pub(crate) fn send(
        &self,
        file: u64,
        from: u64,
        until: u64,
        head: &[u8],
        to: &mut impl Write,
    ) -> io::Result<()> {
        let mut place = from;
        let mut head = head;
        loop {
            let mut stamps = [[0; STAMP]; GATHERED];
            let mut lens = [0; GATHERED];
            let mut count = 0;
            let begin = place / BLOCK as u64;
            while count < GATHERED && place < until {
                let len = usize::try_from(until - place).unwrap_or(BLOCK).min(BLOCK);
                stamps[count] = self.stamp(file, place / BLOCK as u64);
                lens[count] = len;
                place += len as u64;
                count += 1;
            }
            let mut slices = Vec::with_capacity(1 + 2 * count);
            slices.push(IoSlice::new(head));
            for (index, (stamp, len)) in stamps.iter().zip(lens).take(count).enumerate() {
                let block = self.block(file, begin + index as u64);
                let stamped = len.min(STAMP);
                slices.push(IoSlice::new(&stamp[..stamped]));
                slices.push(IoSlice::new(&block[stamped..len]));
            }
            write_all(to, &mut slices)?;
            head = &[];
            if place >= until {
                return Ok(());
            }
        }
    }

    fn block(&self, file: u64, block: u64) -> &[u8] {
        let index = usize::try_from(file.wrapping_add(block) % BLOCKS as u64).unwrap_or_default();
        &self.blocks[index]
    }

    fn stamp(&self, file: u64, block: u64) -> [u8; STAMP] {
        let first = mixed(self.seed ^ mixed(file));
        let mut stamp = [0; STAMP];
        stamp[..8].copy_from_slice(&mixed(first ^ block).to_le_bytes());
        stamp[8..].copy_from_slice(&mixed(first.wrapping_add(block)).to_le_bytes());
        stamp
    }
}

/// A number that looks like no other: the finalizer of splitmix64, which is one to one.
pub(crate) fn mixed(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn write_all(to: &mut impl Write, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    // Those that are empty are passed over, or nothing written would look like the end.
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match to.write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
