//! The machine and the program: room on disks, memory, open files.

use std::path::{Path, PathBuf};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

use crate::uploads::disk_space;

/// A folder whose disk is told of, and what it has.
pub(crate) type Watched = (&'static str, PathBuf);

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Holds {
    /// `database` or `blobs`.
    holds: &'static str,
}

/// The numbers of the machine.
#[derive(Debug)]
pub(super) struct Machine {
    free: Family<Holds, Gauge>,
    size: Family<Holds, Gauge>,
    resident: Gauge,
    files: Gauge,
}

impl Machine {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let (free, size) = (Family::<Holds, Gauge>::default(), Family::<Holds, Gauge>::default());
        let about = "Room that is left on the disk of a folder, for who is not root";
        registry.register_with_unit("kartei_disk_free", about, Unit::Bytes, free.clone());
        let about = "The disk of a folder";
        registry.register_with_unit("kartei_disk_size", about, Unit::Bytes, size.clone());
        let (resident, files) = (Gauge::default(), Gauge::default());
        let about = "Resident memory of this program";
        registry.register_with_unit(
            "process_resident_memory",
            about,
            Unit::Bytes,
            resident.clone(),
        );
        registry.register("process_open_fds", "Open files of this program", files.clone());
        Self { free, size, resident, files }
    }

    /// Looks at all of it. What cannot be told stays away, or as it was.
    pub(super) fn look(&self, folders: &[Watched]) {
        for (holds, folder) in folders {
            let Some((free, size)) = disk_space(folder) else { continue };
            let holds = Holds { holds };
            for (family, bytes) in [(&self.free, free), (&self.size, size)] {
                family.get_or_create(&holds).set(i64::try_from(bytes).unwrap_or(i64::MAX));
            }
        }
        if let Some(bytes) = resident() {
            self.resident.set(bytes);
        }
        if let Ok(open) = std::fs::read_dir("/proc/self/fd") {
            // One of them is this look.
            let open = open.count().saturating_sub(1);
            self.files.set(i64::try_from(open).unwrap_or(i64::MAX));
        }
    }
}

/// Resident memory in bytes, where the system tells it in `/proc`.
fn resident() -> Option<i64> {
    let status = std::fs::read_to_string(Path::new("/proc/self/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: i64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
