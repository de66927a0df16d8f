//! Few points of a law with many components on a device: two launches, of each block of components and of their sums.
//!
//! Uses `law`, `error`. Spec: T1, N1, N3.

use std::sync::PoisonError;

use super::array::DeviceArray;
use super::evaluation::DeviceEvaluation;
use super::launch::DeviceLaw;
use super::machine::{Argument, DeviceReal, Geometry, Machine, launch};
use super::plan::{MOST_BLOCKS, THREADS};
use super::signature::{SPREAD_COMBINE, SPREAD_PARTIALS};
use super::source::Kernel;
use super::tables::Kind;
use crate::error::Result;
use crate::law::COMPONENT_BLOCK;

/// What the first launch leaves for the second, and rows for far points.
pub(super) struct Room<M: Machine, T: DeviceReal> {
    /// For so many points.
    points: usize,
    partials: M::Array<T>,
    sums: M::Array<T>,
    workspace: M::Array<T>,
    whitened: Option<M::Array<T>>,
}

impl<M: Machine, T: DeviceReal> DeviceLaw<M, T> {
    fn spread_kernel(&self) -> Kernel {
        Kernel::Spread { dimension: self.dimension, kind: self.kind }
    }

    /// Computes what `out` has room for. False, with nothing launched, where the memory for it is not free.
    ///
    /// Errors: `Device`.
    pub(super) fn spread(
        &self,
        points: &DeviceArray<M, T>,
        out: &DeviceEvaluation<M, T>,
    ) -> Result<bool> {
        let (n, blocks) = (points.dim().0, self.components.div_ceil(COMPONENT_BLOCK));
        let kernel = self.spread_kernel();
        // One slice of points where threads whiten in global memory, whose room is then about that of the means.
        let outside = self.kind == Kind::Full && !kernel.whitened_in_shared::<T>();
        let most = if outside { 1 } else { MOST_BLOCKS as usize / blocks };
        let slices = n.min(most).max(1);
        let mut slot = self.spread_room.lock().unwrap_or_else(PoisonError::into_inner);
        if slot.as_ref().is_none_or(|room| room.points < n) {
            slot.take();
            let whitened =
                if outside { blocks * slices * COMPONENT_BLOCK * self.dimension } else { 0 };
            *slot = self.spread_memory(n, blocks, whitened)?;
        }
        let Some(room) = slot.as_ref() else { return Ok(false) };

        let read = |name: &str| !matches!(name, "origin");
        let taken = |name: &str| matches!(name, "a" | "safe_radius");
        let whole = |array| Argument::Output(Some((array, 0)));
        let shared = kernel.shared_bytes::<T>() as u32;
        let mut arguments = self.points_and_components(points, 0, n);
        arguments.extend(self.tables(read));
        arguments.extend(self.numbers(taken));
        arguments.push(("whitened", Argument::Output(room.whitened.as_ref().map(|w| (w, 0)))));
        arguments.push(("partials", whole(&room.partials)));
        let logits = out.responsibilities.as_ref().map(|array| (&array.memory, 0));
        arguments.push(("logits", Argument::Output(logits)));
        // At most MOST_BLOCKS.
        let shape =
            Geometry { blocks: (blocks * slices) as u32, threads: COMPONENT_BLOCK as u32, shared };
        launch(&self.machine, kernel, &SPREAD_PARTIALS, shape, &arguments)?;

        let mut arguments = self.points_and_components(points, 0, n);
        arguments.extend(self.tables(|_| true));
        arguments.extend(self.numbers(|_| true));
        arguments.push(("partials", Argument::Input(Some((&room.partials, 0)))));
        arguments.push(("sums", whole(&room.sums)));
        arguments.push(("workspace", whole(&room.workspace)));
        arguments.extend(self.outputs(out, 0));
        let shape = Geometry { blocks: n as u32, threads: THREADS as u32, shared };
        launch(&self.machine, kernel, &SPREAD_COMBINE, shape, &arguments)?;
        Ok(true)
    }

    /// Room for n points, and so many numbers for whitened differences; none where it is not free.
    fn spread_memory(
        &self,
        n: usize,
        blocks: usize,
        whitened: usize,
    ) -> Result<Option<Room<M, T>>> {
        let d = self.dimension;
        let (partials, sums) = (n * blocks * (2 + 2 * d), n * (1 + 2 * d));
        let workspace = n * self.spread_kernel().workspace_numbers::<T>();
        let bytes = ((partials + sums + workspace + whitened) * size_of::<T>()) as u64;
        let free = self.machine.free_bytes()?;
        if bytes > free - free / 8 {
            return Ok(None);
        }
        let reserve = |count| self.machine.reserve(count);
        Ok(Some(Room {
            points: n,
            partials: reserve(partials)?,
            sums: reserve(sums)?,
            workspace: reserve(workspace)?,
            whitened: if whitened > 0 { Some(reserve(whitened)?) } else { None },
        }))
    }
}
