//! A random program, as data.

use boucle::MissedTickBehavior;

use crate::random::Numbers;
use crate::runtime::Mode;

/// Something that the loop's caller does. After the last of these the loop is dropped.
#[derive(Debug, Clone)]
pub(crate) enum Run {
    BlockOn(Program),
    SpawnFromOutside(Program),
    Forever,
    Turn(Option<Nanos>),
    StopFromOutside,
    /// What another thread does, while this one waits.
    OnAnotherThread(Vec<Sent>),
    /// What a coroutine does on another loop of this thread.
    OnAnotherLoop(Vec<Sent>),
}

/// A coroutine: its steps, one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Program {
    /// Its name in the log.
    pub(crate) label: u32,
    pub(crate) steps: Vec<Step>,
}

pub(crate) type Nanos = u64;

#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    /// From now.
    After(Nanos),
    /// Since the loop began: perhaps past, and often the deadline of several sleeps.
    At(Nanos),
}

/// Tasks, groups, gates and wakers are found by a number, modulo how many there are.
pub(crate) type Index = usize;

pub(crate) type Times = usize;

/// Something a coroutine awaits, or leaves for later. (A new kind is drawn in `Generator::step`, up to `STEPS`,
/// and awaited in `interpreter.rs`.)
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Do(Act),
    /// Acts when the list of steps that this stands in is over or dropped.
    Defer(Vec<Act>),
    Yield(u32),
    Spend(u32),
    /// Asks this often for a unit of the budget within one poll, whether or not one is left.
    Try(u32),
    Sleep(When),
    /// Polls a sleep once, and gives it another deadline.
    Reset(When, When),
    /// Holds the clock until the next poll.
    HoldClock,
    /// Polls a sleep once, and leaves it to another thread, which drops it.
    SendSleep(Nanos),
    Ticks {
        period: Nanos,
        missed: MissedTickBehavior,
        ticks: u32,
        /// How long each tick may take, and what passes after it.
        limit: Nanos,
        pause: Nanos,
    },
    /// Awaits a tick of an interval that other tasks may reset, drop, or await too. It is made if it is not
    /// there.
    Tick(Index, Nanos, MissedTickBehavior),
    Timeout(Nanos, Vec<Step>),
    /// Polls the one, then the other, until one is over.
    Race(Vec<Step>, Vec<Step>),
    /// Polls the steps with a waker that is not the loop's own.
    Foreign(Vec<Step>),
    Await(Index),
    /// Awaits a handle that is left to others if this is dropped.
    AwaitBorrowed(Index),
    /// Waits until this gate is open, and closes it.
    Pass(Index),
    Gather(Vec<Program>),
    GatherBoth(Program, Program),
    TryGather(Vec<Program>),
    /// Takes this number of items.
    AsCompleted(Vec<Program>, u32),
    Wait(Mode, Vec<Index>, Option<Nanos>),
    JoinNext(Index),
    /// Joins what there is to join, without waiting.
    PollJoinNext(Index),
    JoinAll(Index),
    TryJoinAll(Index),
    /// Returns `Ok` or `Err`, with a value that acts when it is dropped.
    Return(bool, Vec<Act>),
}

/// Something that is done at once, by a coroutine or a destructor.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    Spawn(Program),
    /// Spawns a task that has the program's label as its name.
    SpawnNamed(Program),
    /// Spawns this number of tasks that do the same.
    SpawnMany(usize, Program),
    SpawnInGroup(Index, Program),
    SpawnNamedInGroup(Index, Program),
    Here(Sent),
    /// Another thread does this, while this one waits.
    Elsewhere(Vec<Sent>),
    IsFinished(Index),
    /// Asks how many results are to come, and whether the group is closed.
    Count(Index),
    AbortAll(Index),
    CloseGroup(Index),
    DropGroup(Index),
    ResetInterval(Index, Restart),
    DropInterval(Index),
    Stop,
    Panic,
}

/// When an interval's next tick is due.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Restart {
    InAPeriod,
    Immediately,
    To(When),
}

/// Something that any thread may do.
#[derive(Debug, Clone)]
pub(crate) enum Sent {
    Abort(Index, Times),
    DropHandle(Index),
    Open(Index),
    /// Wakes a waker that was left at a gate, this often.
    WakeAgain(Index, Times),
    /// By a `LoopHandle`.
    SpawnByHandle(Program),
    StopByHandle,
}

/// Leaves out the `n`th run, step or act, in the order of their printing. Returns false if there are fewer.
pub(crate) fn leave_out(runs: &mut Vec<Run>, mut n: usize) -> bool {
    leave_out_of(runs, &mut n, &|run, n| match run {
        Run::BlockOn(program) | Run::SpawnFromOutside(program) => leave_out_of_program(program, n),
        Run::OnAnotherThread(sent) | Run::OnAnotherLoop(sent) => leave_out_of(sent, n, &leave_out_of_sent),
        Run::Forever | Run::Turn(_) | Run::StopFromOutside => false,
    })
}

fn leave_out_of<T>(list: &mut Vec<T>, n: &mut usize, inside: &dyn Fn(&mut T, &mut usize) -> bool) -> bool {
    for index in 0..list.len() {
        if *n == 0 {
            list.remove(index);
            return true;
        }
        *n -= 1;
        if inside(&mut list[index], n) {
            return true;
        }
    }
    false
}

fn leave_out_of_program(program: &mut Program, n: &mut usize) -> bool {
    leave_out_of(&mut program.steps, n, &leave_out_of_step)
}

fn leave_out_of_step(step: &mut Step, n: &mut usize) -> bool {
    match step {
        Step::Do(act) => leave_out_of_act(act, n),
        Step::Defer(acts) | Step::Return(_, acts) => leave_out_of(acts, n, &leave_out_of_act),
        Step::Timeout(_, steps) | Step::Foreign(steps) => leave_out_of(steps, n, &leave_out_of_step),
        Step::Race(one, other) => {
            leave_out_of(one, n, &leave_out_of_step) || leave_out_of(other, n, &leave_out_of_step)
        }
        Step::GatherBoth(one, other) => leave_out_of_program(one, n) || leave_out_of_program(other, n),
        Step::Gather(programs) | Step::TryGather(programs) | Step::AsCompleted(programs, _) => {
            leave_out_of(programs, n, &leave_out_of_program)
        }
        // None of these has a program in it.
        Step::Yield(_) | Step::Spend(_) | Step::Try(_) | Step::Sleep(_) | Step::Reset(..) => false,
        Step::HoldClock | Step::SendSleep(_) | Step::Ticks { .. } | Step::Tick(..) => false,
        Step::Await(_) | Step::AwaitBorrowed(_) | Step::Pass(_) | Step::Wait(..) => false,
        Step::JoinNext(_) | Step::PollJoinNext(_) | Step::JoinAll(_) | Step::TryJoinAll(_) => false,
    }
}

fn leave_out_of_act(act: &mut Act, n: &mut usize) -> bool {
    match act {
        Act::Spawn(program) | Act::SpawnNamed(program) => leave_out_of_program(program, n),
        Act::SpawnMany(_, program) => leave_out_of_program(program, n),
        Act::SpawnInGroup(_, program) | Act::SpawnNamedInGroup(_, program) => {
            leave_out_of_program(program, n)
        }
        Act::Here(sent) => leave_out_of_sent(sent, n),
        Act::Elsewhere(sent) => leave_out_of(sent, n, &leave_out_of_sent),
        Act::IsFinished(_) | Act::Count(_) | Act::AbortAll(_) | Act::CloseGroup(_) | Act::DropGroup(_) => {
            false
        }
        Act::ResetInterval(..) | Act::DropInterval(_) | Act::Stop | Act::Panic => false,
    }
}

fn leave_out_of_sent(sent: &mut Sent, n: &mut usize) -> bool {
    if let Sent::SpawnByHandle(program) = sent { leave_out_of_program(program, n) } else { false }
}

/// Draws programs: the same numbers draw the same programs.
pub(crate) struct Generator<N> {
    random: N,
    labels: u32,
    /// How many steps are left to this program.
    steps: usize,
    /// The kinds of steps and acts that it draws from, by their numbers in `step` and `act`. A program of few
    /// kinds tests these more thoroughly ("Swarm testing", Groce and others, 2012).
    kinds: Vec<usize>,
    acts: Vec<usize>,
    /// The durations that it chooses from.
    durations: Vec<Nanos>,
    /// Whether another thread acts too. In few programs one does, since that costs more than all else.
    has_thread: bool,
}

const STEPS: usize = 27;
const ACTS: usize = 20;

/// Ties, neighbours, fractions of the wheel's ticks, and the edges of its levels.
const DURATIONS: [Nanos; 14] = [
    0,
    1_000,
    1_000,
    1_500,
    2_000,
    3_000,
    3_001,
    63_000,
    64_000,
    65_000,
    5_000_000,
    10_000_000,
    15_000_000,
    1 << 40,
];

const MISSED: [MissedTickBehavior; 3] =
    [MissedTickBehavior::Burst, MissedTickBehavior::Delay, MissedTickBehavior::Skip];

/// Kinds of steps and acts that belong together, as `Generator::kinds` and `acts` have them.
const THEMES: [(&[usize], &[usize]); 8] = [
    (&[1, 2, 4, 7, 7, 12, 17, 18, 18, 19, 22], &[1, 1, 5, 7, 8, 9, 17, 19]), // groups
    (&[1, 3, 4, 5, 6, 7, 8, 21, 24, 24, 26], &[2, 15, 15, 16]),              // time
    (&[1, 7, 8, 10, 11, 16], &[2, 3, 4, 18]),                                // handles
    (&[1, 9, 12, 8], &[2, 5, 6, 6]),                                         // wakes of what has ended
    (&[1, 2, 7, 10, 13, 16, 22], &[2, 11, 11, 18, 18]),                      // panics
    (&[1, 1, 2, 4, 7, 9, 10, 12, 12, 23], &[2, 3, 5, 6, 6, 13, 13, 14]),     // another thread
    (&[1, 4, 13, 14, 15, 20, 22, 22], &[1, 2, 11]),                          // children that fail
    (&[1, 4, 4, 4, 17, 25], &[1, 1, 1, 1, 1, 7, 9, 17]), // groups that go on after some are joined
];

impl<N: Numbers> Generator<N> {
    pub(crate) fn new(mut random: N) -> Self {
        let rarity = 2 + random.below(3);
        let mut kinds: Vec<_> = (1..STEPS).filter(|_| random.below(rarity) == 0).collect();
        let mut acts: Vec<_> = (1..ACTS).filter(|_| random.below(rarity) == 0).collect();
        let theme = random.below(2 * THEMES.len());
        if let Some((steps_of_theme, acts_of_theme)) = THEMES.get(theme) {
            (kinds, acts) = (steps_of_theme.to_vec(), acts_of_theme.to_vec());
        }
        // More than half of the steps are acts, and about a third of those are spawns.
        kinds.extend(vec![0; kinds.len() + 1]);
        acts.extend(vec![0; acts.len() / 2 + 1]);
        let durations = (0..=random.below(4)).map(|_| random.one_of(&DURATIONS)).collect();
        let steps = 1 + random.below(60);
        let has_thread = theme == 5 || random.below(16) == 0;
        Generator { random, labels: 0, steps, kinds, acts, durations, has_thread }
    }

    /// Draws a whole program: what the loop's caller does.
    pub(crate) fn runs(&mut self) -> Vec<Run> {
        let mut runs = Vec::new();
        if self.random.below(3) > 0 {
            runs.push(self.block_on());
        }
        while self.steps > 0 {
            runs.push(match self.random.below(if self.has_thread { 11 } else { 9 }) {
                0 => self.block_on(),
                1 | 2 => Run::SpawnFromOutside(self.program(0)),
                3 => Run::Forever,
                4 => Run::StopFromOutside,
                5 => Run::Turn(None),
                8 => Run::OnAnotherLoop(self.sent(0)),
                9 | 10 => Run::OnAnotherThread(self.sent(0)),
                _ => Run::Turn(Some(self.duration())),
            });
            self.steps = self.steps.saturating_sub(1);
        }
        runs
    }

    /// Draws a main future, which may wait for what it has spawned.
    fn block_on(&mut self) -> Run {
        let mut main = self.program(0);
        main.steps.extend(match self.random.below(4) {
            0 => vec![],
            1 => vec![Step::Sleep(When::After(1 << 50))],
            2 => vec![Step::Yield(20)],
            _ => (0..5).map(Step::AwaitBorrowed).collect(),
        });
        Run::BlockOn(main)
    }

    fn program(&mut self, depth: usize) -> Program {
        self.labels += 1;
        Program { label: self.labels, steps: self.steps(depth) }
    }

    fn programs(&mut self, depth: usize) -> Vec<Program> {
        (0..self.random.below(5)).map(|_| self.program(depth + 1)).collect()
    }

    fn steps(&mut self, depth: usize) -> Vec<Step> {
        let mut steps = Vec::new();
        let length = if depth == 0 { 3 + self.random.below(12) } else { self.random.below(6) };
        while self.steps > 0 && steps.len() < length {
            self.steps -= 1;
            steps.push(self.step(depth));
        }
        steps
    }

    fn step(&mut self, depth: usize) -> Step {
        let random = &mut self.random;
        let kind = if depth > 3 { 1 } else { random.one_of(&self.kinds) };
        match kind {
            0 => Step::Do(self.act(depth)),
            1 => Step::Yield(random.one_of(&[1, 1, 1, 2, 30])),
            2 => Step::Defer(self.few_acts(depth)),
            3 => Step::Spend(random.one_of(&[1, 126, 127, 128, 129, 300])),
            4 => Step::Sleep(self.when()),
            5 => Step::Reset(self.when(), self.when()),
            6 => Step::Ticks {
                period: self.duration().max(1),
                missed: self.random.one_of(&MISSED),
                ticks: self.random.below(4) as u32,
                limit: self.duration(),
                pause: self.duration(),
            },
            7 => Step::Timeout(self.duration(), self.steps(depth + 1)),
            8 => Step::Race(self.steps(depth + 1), self.steps(depth + 1)),
            9 => Step::Foreign(self.steps(depth + 1)),
            10 => Step::Await(random.below(8)),
            11 => Step::AwaitBorrowed(random.below(8)),
            12 => Step::Pass(random.below(3)),
            13 => Step::Gather(self.programs(depth)),
            14 => Step::TryGather(self.programs(depth)),
            15 => Step::AsCompleted(self.programs(depth), self.random.below(6) as u32),
            16 => {
                let mode = random.one_of(&[Mode::First, Mode::FirstException, Mode::All]);
                let tasks = (0..=random.below(4)).map(|_| random.below(8)).collect();
                Step::Wait(mode, tasks, if random.below(2) == 0 { None } else { Some(self.duration()) })
            }
            17 => Step::JoinNext(self.group()),
            18 => Step::JoinAll(self.group()),
            19 => Step::TryJoinAll(self.group()),
            20 => Step::GatherBoth(self.program(depth + 1), self.program(depth + 1)),
            21 => Step::Try(random.one_of(&[1, 127, 128, 129, 257, 400])),
            23 if self.has_thread => Step::SendSleep(self.duration()),
            24 => Step::Tick(random.below(2), self.duration().max(1), self.random.one_of(&MISSED)),
            25 => Step::PollJoinNext(self.group()),
            26 => Step::HoldClock,
            _ => Step::Return(random.below(2) == 0, self.few_acts(depth)),
        }
    }

    fn act(&mut self, depth: usize) -> Act {
        let random = &mut self.random;
        let kind = if depth > 3 { 4 } else { random.one_of(&self.acts) };
        match kind {
            0 => Act::Spawn(self.program(depth + 1)),
            1 => Act::SpawnInGroup(self.group(), self.program(depth + 1)),
            2 | 3 | 5 | 6 | 13 | 14 if self.has_thread && random.below(2) == 0 => {
                Act::Elsewhere(self.sent(depth))
            }
            2 | 3 | 5 | 6 | 13 | 14 => Act::Here(self.sent_of(kind, depth)),
            7 => Act::AbortAll(self.group()),
            8 => Act::CloseGroup(self.group()),
            9 => Act::DropGroup(self.group()),
            10 if random.below(4) == 0 => Act::Stop,
            11 if random.below(2) == 0 => Act::Panic,
            // At most once in a program: tasks that spawn many are not to be spawned by many.
            12 if depth == 0 && random.below(4) == 0 => {
                self.acts.retain(|act| *act != 12);
                Act::SpawnMany(self.random.one_of(&[2, 20, 70]), self.program(depth + 2))
            }
            15 => Act::ResetInterval(random.below(2), self.restart()),
            16 => Act::DropInterval(random.below(2)),
            17 => Act::Count(self.group()),
            18 => Act::SpawnNamed(self.program(depth + 1)),
            19 => Act::SpawnNamedInGroup(self.group(), self.program(depth + 1)),
            _ => Act::IsFinished(random.below(8)),
        }
    }

    fn sent(&mut self, depth: usize) -> Vec<Sent> {
        let mut sent = Vec::new();
        for _ in 0..=self.random.below(4) {
            let kind = self.random.one_of(&[2, 3, 5, 6, 6, 13, 14]);
            sent.push(self.sent_of(kind, depth));
        }
        sent
    }

    fn sent_of(&mut self, kind: usize, depth: usize) -> Sent {
        let random = &mut self.random;
        // About as many as the messages that a turn handles, or twice as many.
        let is_flood = self.has_thread && random.below(16) == 0;
        let times = if is_flood { random.one_of(&[1_022, 1_023, 1_024, 2_050]) } else { 1 };
        match kind {
            2 => Sent::Abort(random.below(8), times),
            3 => Sent::DropHandle(random.below(8)),
            5 => Sent::Open(random.below(3)),
            14 if random.below(4) == 0 => Sent::StopByHandle,
            13 | 14 => Sent::SpawnByHandle(self.program(depth + 1)),
            _ => Sent::WakeAgain(random.below(8), times),
        }
    }

    fn few_acts(&mut self, depth: usize) -> Vec<Act> {
        (0..self.random.below(3)).map(|_| self.act(depth + 1)).collect()
    }

    /// Most groups of a program are one, so that tasks come and go in it.
    fn group(&mut self) -> Index {
        self.random.one_of(&[0, 0, 0, 1])
    }

    fn restart(&mut self) -> Restart {
        match self.random.below(4) {
            0 => Restart::InAPeriod,
            1 => Restart::Immediately,
            _ => Restart::To(self.when()),
        }
    }

    fn when(&mut self) -> When {
        let is_after = self.random.below(3) > 0;
        if is_after { When::After(self.duration()) } else { When::At(self.duration()) }
    }

    fn duration(&mut self) -> Nanos {
        self.random.one_of(&self.durations)
    }
}
