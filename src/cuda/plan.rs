//! How many points one launch takes: what the free memory and the grid allow.
//!
//! Uses `error`. Spec: N3 (a point's numbers do not depend on how a batch is cut).

use crate::error::{Error, Result};

/// Threads in a block of every launch. A multiple of a warp, and small enough that the registers of any kernel fit:
/// 128·255 of at least 65536.
pub const THREADS: u64 = 128;
/// The most blocks in a grid's first direction, on every device.
pub const MOST_BLOCKS: u64 = (1 << 31) - 1;

/// Up to so many points and from so many components on a thread a point would leave a GPU idle, with at most four of its blocks at
/// work, and `kernels/spread.cu` is taken. Both are counted from the kernels' work, not measured.
pub const FEW_POINTS: usize = 512;
/// See [`FEW_POINTS`].
pub const MANY_COMPONENTS: usize = 512;

/// Whether n points of a law of so many components are spread over thread blocks, a block of components each; elsewhere a thread computes a
/// point. No bit depends on it.
pub fn is_spread(n: usize, components: usize) -> bool {
    n <= FEW_POINTS && components >= MANY_COMPONENTS
}

/// Blocks of [`THREADS`] that cover n threads.
///
/// Errors: `Error::Device` where a grid cannot hold them.
pub fn blocks(n: u64) -> Result<u32> {
    let blocks = n.div_ceil(THREADS).max(1);
    u32::try_from(blocks).ok().filter(|&b| u64::from(b) <= MOST_BLOCKS).ok_or_else(|| {
        Error::Device {
            what: "a launch",
            reason: format!("{n} threads are more than a grid holds"),
            remedy: "ask for fewer at a time",
        }
    })
}

/// The points of one launch, for n points of so many bytes each where so many bytes are free: n itself, or a multiple of
/// [`THREADS`]. An eighth of the memory is left alone, for the driver and for what its blocks waste; a launch needs
/// memory for whole blocks of threads.
///
/// Errors: `Error::Device` where not even one block of points fits.
pub fn points_at_a_time(n: u64, bytes_a_point: u64, free: u64) -> Result<u64> {
    let room = free - free / 8;
    let fit = room.checked_div(bytes_a_point).unwrap_or(u64::MAX).min(MOST_BLOCKS * THREADS);
    let whole = fit / THREADS * THREADS;
    if whole == 0 {
        return Err(Error::Device {
            what: "device memory",
            reason: format!(
                "{free} bytes are free, and {THREADS} points need {} and an eighth more",
                bytes_a_point.saturating_mul(THREADS)
            ),
            remedy: "end what else uses the device, or compute on the CPU",
        });
    }
    Ok(n.min(whole))
}
