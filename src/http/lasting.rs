//! Connections that stay open: sockets, streams of events and files under way. How many one caller
//! may have, how long they may be silent, and that all of them end when the process is to stop.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::limits::Caller;

/// Connections that one user may hold open at a time.
pub const MAX_OF_USER: usize = 10;
/// Sockets of one network that have not said whose they are yet.
const MAX_OF_NETWORK: usize = 20;

/// How long things may take.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// A client with saying who it is.
    pub init: Duration,
    /// Between two pings.
    pub ping: Duration,
    /// A client with any sign of life; answers to pings are some.
    pub silence: Duration,
    /// A socket without an operation.
    pub idle: Duration,
    /// A client with taking what is sent to it.
    pub write: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            init: Duration::from_secs(10),
            ping: Duration::from_secs(15),
            silence: Duration::from_secs(40),
            idle: Duration::from_mins(5),
            write: Duration::from_secs(10),
        }
    }
}

/// What connections that stay open share. Clones are the same.
#[derive(Clone, Default)]
pub struct Lasting {
    /// Ends all of them.
    pub stop: CancellationToken,
    pub sockets: TaskTracker,
    pub patience: Patience,
    seats: Arc<Mutex<HashMap<Caller, usize>>>,
}

impl Lasting {
    pub fn until(stop: CancellationToken, patience: Patience) -> Self {
        Self { stop, patience, ..Self::default() }
    }

    /// Room for one more connection of a caller, if there is any.
    pub(super) fn seat(&self, caller: Caller) -> Option<Seat> {
        let most = match caller {
            Caller::User(_) => MAX_OF_USER,
            Caller::Network(_) => MAX_OF_NETWORK,
        };
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = seats.entry(caller).or_default();
        (*taken < most).then(|| {
            *taken += 1;
            Seat { seats: Arc::clone(&self.seats), caller }
        })
    }

    /// Waits until every socket has ended.
    pub async fn ended(&self) {
        self.sockets.close();
        self.sockets.wait().await;
    }
}

/// The room that a connection takes until it is dropped.
pub(super) struct Seat {
    seats: Arc<Mutex<HashMap<Caller, usize>>>,
    caller: Caller,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.seats.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut taken) = seats.entry(self.caller) {
            *taken.get_mut() -= 1;
            if *taken.get() == 0 {
                taken.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::id::UserId;

    #[test]
    fn a_seat_is_free_again_once_it_is_left_and_others_have_their_own() {
        let lasting = Lasting::default();
        let [ada, bob] = [UserId::fresh(), UserId::fresh()].map(Caller::User);
        let mut seats: Vec<_> = (0..MAX_OF_USER).map_while(|_| lasting.seat(ada)).collect();
        assert_eq!(seats.len(), MAX_OF_USER);
        assert!(lasting.seat(ada).is_none() && lasting.seat(bob).is_some());
        seats.pop();
        assert!(lasting.seat(ada).is_some());
        drop(seats);
        assert!(lasting.seats.lock().expect("no panic").is_empty(), "nothing is kept of them");
    }
}
