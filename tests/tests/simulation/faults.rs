//! What breaks, for how long, and what mending it takes.

use crate::broken::Result;
use crate::people::pick;
use crate::queue::Happening;
use crate::replica::End;
use crate::world::World;
use kartei_sync_core::Event;

/// Something that breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A program stops in good order and is started again.
    Stop,
    /// A program is killed and started again.
    Kill,
    /// A machine loses power and is started again.
    PowerLoss,
    /// A replica cannot reach one of its relays, or any.
    Partition,
    /// There is next to no room on a replica's disk.
    DiskFull,
    /// A machine's clock is set, forward or back.
    ClockJump,
    /// A relay dies and is started again.
    RelayRestart,
    /// A relay forgets all deletions.
    Sweep,
    /// A relay is backed up; the next time that backup is restored.
    Restore,
    /// A machine is put away; it comes back after the others have gone on, and after months.
    Months,
}

impl Fault {
    /// All of them, as bits of a plan.
    pub(crate) const EVERY: u64 = (1 << Self::ALL.len()) - 1;

    pub(crate) const ALL: [Self; 10] = [
        Self::Stop,
        Self::Kill,
        Self::PowerLoss,
        Self::Partition,
        Self::DiskFull,
        Self::ClockJump,
        Self::RelayRestart,
        Self::Sweep,
        Self::Restore,
        Self::Months,
    ];
}

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A clock is wrong by at most this much, more than anybody's battery was ever flat.
const SKEW_DAYS_MAX: u64 = 4_000;

/// Room that a full disk has left: up to two pages of a replica's database, so that some writes
/// still fit.
const ROOM_PAGES_MAX: u64 = 2;
const PAGE_BYTES: u64 = 16 * 1024;

impl World {
    /// Breaks something, and plans its mending and the next fault.
    pub(crate) fn fault(&mut self) -> Result<()> {
        if !self.storm {
            return Ok(());
        }
        let pause = 1 + self.dice.roll(2 * self.plan.fault_ms);
        self.queue.after(pause, Happening::Fault);
        let faults = self.plan.faults;
        let possible = Fault::ALL.into_iter().filter(|fault| faults & (1 << *fault as u32) != 0);
        let possible: Vec<Fault> = possible.collect();
        let fault = possible[pick(self.dice.roll(possible.len() as u64))];
        let at = pick(self.dice.roll(self.replicas.len() as u64));
        let lasts = 1 + self.dice.roll(4 * self.plan.pause_ms + 10_000);
        self.counts.faults += 1;
        self.say(|| format!("{at}: {fault:?}"));
        match fault {
            Fault::Stop => return self.crash(at, End::Stopped),
            Fault::Kill => return self.crash(at, End::Killed),
            Fault::PowerLoss => return self.crash(at, End::PowerLost),
            Fault::RelayRestart => {
                let database = self.replicas[at].database;
                let handle = pick(self.dice.roll(self.plan.handles as u64));
                return self.databases[database].restart(handle);
            }
            Fault::Sweep => return self.sweep(self.replicas[at].database),
            Fault::Restore => return self.back_up_or_restore(self.replicas[at].database),
            Fault::ClockJump => {
                let days = i64::try_from(self.dice.roll(2 * SKEW_DAYS_MAX)).unwrap_or(0);
                let days = days - i64::try_from(SKEW_DAYS_MAX).unwrap_or(0);
                let small = self.dice.roll(3) > 0;
                let unit = if small { 1_000 } else { i64::try_from(DAY_MS).unwrap_or(0) };
                self.replicas[at].skew_ms = days * unit;
                return Ok(());
            }
            Fault::Partition => {
                let all = self.dice.roll(2) == 0;
                let one = pick(self.dice.roll(self.plan.handles as u64));
                for handle in (0..self.plan.handles).filter(|handle| all || *handle == one) {
                    self.cut.insert((at, handle));
                }
            }
            Fault::DiskFull => {
                if !self.replicas[at].awake {
                    return Ok(());
                }
                let room = self.dice.roll(ROOM_PAGES_MAX + 1) * PAGE_BYTES;
                self.replicas[at].end(End::Stopped, &mut self.dice)?;
                self.replicas[at].limit(Some(room));
                self.start(at)?;
                self.import_large(at)?;
            }
            Fault::Months => {
                if !self.replicas[at].awake || self.replicas.iter().any(|r| !r.awake) {
                    return Ok(());
                }
                let how = if self.dice.roll(2) == 0 { End::Stopped } else { End::PowerLost };
                self.replicas[at].end(how, &mut self.dice)?;
            }
        }
        self.queue.after(lasts, Happening::Mended(fault, at));
        Ok(())
    }

    /// Ends what a fault began.
    pub(crate) fn mended(&mut self, fault: Fault, at: usize) -> Result<()> {
        match fault {
            Fault::Partition => {
                self.cut.retain(|(replica, _)| *replica != at);
                Ok(())
            }
            Fault::DiskFull => {
                if !self.replicas[at].is_limited() || !self.replicas[at].awake {
                    return Ok(());
                }
                self.replicas[at].end(End::Stopped, &mut self.dice)?;
                self.replicas[at].limit(None);
                self.start(at)
            }
            Fault::Months => {
                if self.replicas[at].awake {
                    return Ok(());
                }
                // Everybody's machine is off for the greater part of it.
                self.queue.pass((30 + self.dice.roll(300)) * DAY_MS);
                self.start(at)
            }
            _ => Ok(()),
        }
    }

    /// The program ends and is started again at once.
    pub(crate) fn crash(&mut self, at: usize, how: End) -> Result<()> {
        if !self.replicas[at].awake {
            return Ok(());
        }
        self.counts.crashes += 1;
        self.replicas[at].end(how, &mut self.dice)?;
        self.start(at)
    }

    /// Starts a program that has ended. A person whose last imports the machine may have lost runs
    /// them again.
    pub(crate) fn start(&mut self, at: usize) -> Result<()> {
        self.replicas[at].start(&mut self.dice);
        if std::mem::take(&mut self.replicas[at].lost_power) {
            self.replicas[at].limit(None);
            self.counts.power += 1;
            for records in std::mem::take(&mut self.replicas[at].unforced) {
                self.counts.lost += u64::from(self.import_file(at, records)?);
            }
        }
        self.tell(at, Event::SyncNow)
    }

    /// The faults end: everything that is broken is mended, and everybody is there.
    pub(crate) fn calm_down(&mut self) -> Result<()> {
        self.storm = false;
        self.cut.clear();
        for at in 0..self.replicas.len() {
            if self.replicas[at].is_limited() {
                if self.replicas[at].awake {
                    self.replicas[at].end(End::Stopped, &mut self.dice)?;
                }
                self.replicas[at].limit(None);
            }
            if self.replicas[at].awake {
                self.tell(at, Event::SyncNow)?;
            } else {
                self.start(at)?;
            }
        }
        Ok(())
    }
}
