//! The thread that tells the coordinator that a member lives.

use crate::client::cluster::Cluster;
use crate::client::error::Result;
use crate::client::groups::Identity;
use crate::protocol::messages::heartbeat::HeartbeatRequest;
use crate::protocol::{ApiKey, ErrorCode};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

/// The caller's end.
pub(super) struct Heartbeat {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Who lives; nobody while joining.
    identity: Option<Identity>,
    must_rejoin: bool,
    ended: bool,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Heartbeat {
    /// Starts the thread, which has nothing to say yet.
    pub(super) fn start(cluster: Cluster, interval: Duration) -> Self {
        let shared = Arc::new(Shared::default());
        let own = Arc::clone(&shared);
        let thread = std::thread::spawn(move || run(&own, cluster, interval));
        Self {
            shared,
            thread: Some(thread),
        }
    }

    /// From now on the member lives.
    pub(super) fn beat(&self, identity: &Identity) {
        let mut state = self.shared.lock();
        state.identity = Some(identity.clone());
        state.must_rejoin = false;
    }

    /// Says nothing until [`Heartbeat::beat`].
    pub(super) fn pause(&self) {
        self.shared.lock().identity = None;
    }

    /// The coordinator said elsewhere that the member is none any more.
    pub(super) fn lost(&self) {
        self.shared.lock().must_rejoin = true;
    }

    pub(super) fn must_rejoin(&self) -> bool {
        self.shared.lock().must_rejoin
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(shared: &Shared, mut cluster: Cluster, interval: Duration) {
    let mut state = shared.lock();
    while !state.ended {
        let identity = state.identity.clone().filter(|_| !state.must_rejoin);
        if let Some(identity) = identity {
            drop(state);
            let code = beat(&mut cluster, &identity);
            state = shared.lock();
            // What was said of an earlier generation is of no interest.
            let is_lost = matches!(code, Ok(code) if !code.is_none());
            if is_lost && state.identity.as_ref() == Some(&identity) {
                state.must_rejoin = true;
            }
        }
        if state.ended {
            return;
        }
        let waited = shared.changed.wait_timeout(state, interval);
        state = waited.unwrap_or_else(|poisoned| poisoned.into_inner()).0;
    }
}

/// One heartbeat. An error is no answer: the next one may get through.
fn beat(cluster: &mut Cluster, identity: &Identity) -> Result<ErrorCode> {
    let mut attempt = || {
        let connection = cluster.coordinator(&identity.group)?;
        let version = connection.version(ApiKey::Heartbeat)?;
        let request = HeartbeatRequest {
            group_id: identity.group.clone(),
            generation_id: identity.generation,
            member_id: identity.member.clone(),
            group_instance_id: identity.instance.clone().filter(|_| version >= 3),
            ..Default::default()
        };
        let response = connection.call(&request, version)?;
        Ok(ErrorCode::from_code(response.error_code))
    };
    let code = attempt();
    match &code {
        Err(_)
        | Ok(
            ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress,
        ) => {
            cluster.forget_coordinator(&identity.group);
            Ok(ErrorCode::None)
        }
        _ => code,
    }
}
