package store

import (
	"fmt"
	"time"

	"github.com/cofferdam-io/cofferdam/ident"
)

// StateKind is what a state is about.
type StateKind uint8

// The kinds of states. Their numbers are stored.
const (
	// StateRuns: a workload runs an image. The scope is the cluster, which has a name;
	// Subject is the image's digest.
	StateRuns StateKind = iota + 1
	// StateFinding: an advisory concerns a component of what a container runs. The scope
	// is the vulnerability, so that what one advisory changes lies together; Key begins with
	// the container.
	StateFinding
	// StateVEX: somebody stated something about a vulnerability in a product. The scope
	// is the author's document; Subject is the vulnerability.
	StateVEX
	// StateDeployable: an image may be deployed. The scope is who says so, such as a
	// registry's repository or an environment; Key and Subject are the image's digest.
	StateDeployable
	// StateReport: somebody who asserts states is alive. The scope is whose; without it
	// nobody could tell "nothing changed" from "nobody looked".
	StateReport
	// StateBlocked: a component must not be used. The scope is the list's name, Key the
	// component as a question asks for it.
	StateBlocked
	// StateDrift: what runs and what the catalogue has do not agree. The scope is the
	// cluster, Key the container, Subject its image's digest.
	StateDrift
	// StateTriage: what somebody decided about findings. The scope is which ones they
	// are; Subject is the vulnerability.
	StateTriage
	// StateScore: how good a document is. The scope is a run of documents by their
	// numbers, Key the document's number, Subject its digest.
	StateScore
	// StateJob: what the servers do by themselves from time to time, and which of them does
	// it now. The scope is the job's name.
	StateJob
	// StateTrust: what a verification found out about who vouches for SBOMs. The scope is
	// who says so, and of which image or document; Subject is its digest.
	StateTrust
	// StateBase: which image another one was built on. The scope is the tenant's name,
	// escaped, and a digest of the image that was built, which is the Subject too.
	StateBase
	// StateDecision: what a verification or a gate came to, for good, and the answers that
	// say all of it. The scope is the decision's name, Subject the artifact's digest.
	StateDecision

	lastState = StateDecision
)

// Valid reports whether there is such a kind.
func (k StateKind) Valid() bool { return k >= StateRuns && k <= lastState }

// State is something that was so from a time until another: "what ran at time T" is
// a query. From and Until are set by the store.
type State struct {
	Kind    StateKind
	Scope   string    // whose whole state one Assert gives
	Key     string    // unique within kind and scope at any time
	Subject string    // a second name to ask by; may be empty
	Body    []byte    // what it says, as JSON
	From    time.Time // inclusive
	Until   time.Time // exclusive; zero while it holds
}

// StateQuery selects states. Zero fields select everything.
type StateQuery struct {
	Kind    StateKind // required
	Scope   string
	Subject string
	At      time.Time // what held then; zero: what holds now
	History bool      // every interval, At is not looked at
	After   *State    // the last row of the page before; nil: the first page
	Limit   int       // required
}

// StateChange is how the states of a scope differ from those of one of its versions.
type StateChange struct {
	Scope string
	// Version is the scope's that the change is from: what Amend returned for it last, or
	// a *ScopesMoved told; 0 where nobody asserted anything for the scope yet.
	Version uint64
	Open    []State // what holds from now on: Key, Subject and Body
	Close   []State // what holds no longer: Key and From. What another text replaces is in both
}

// Amended is what became of a StateChange.
type Amended struct {
	Version uint64
	At      time.Time // from when on what was opened holds
}

// MaxChange bounds the states that one Amend opens and closes, and by that the time for
// which it holds up intake; those of a single scope may be more.
const MaxChange = 1 << 13

// ScopesMoved says that states were changed by somebody else meanwhile: nothing was
// changed. The caller reads the states of these scopes again and works its change out anew.
type ScopesMoved struct {
	Kind     StateKind
	Versions map[string]uint64 // of the scopes that have another version than was given: which
}

func (e *ScopesMoved) Error() string {
	return fmt.Sprintf("the states of %d scopes were changed by another server meanwhile", len(e.Versions))
}

// CheckChanges validates the arguments of Amend.
func CheckChanges(kind StateKind, changes []StateChange) error {
	n, seen := 0, make(map[string]bool, len(changes))
	for i := range changes {
		c := &changes[i]
		if seen[c.Scope] {
			return ident.Errorf(ident.KindInvalid, "the scope %.80q is changed twice at once", c.Scope)
		}
		seen[c.Scope] = true
		if n += len(c.Open) + len(c.Close); n > MaxChange && len(changes) > 1 {
			return ident.Errorf(ident.KindLimit, "more than %d states are changed at once", MaxChange)
		}
		for _, rows := range [][]State{c.Open, c.Close} {
			if err := CheckStates(kind, c.Scope, rows); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckStates validates the arguments of Assert.
func CheckStates(kind StateKind, scope string, rows []State) error {
	if !kind.Valid() {
		return ident.Errorf(ident.KindUsage, "%d is no kind of state", kind)
	}
	if scope == "" {
		if kind == StateRuns {
			return ident.Errorf(ident.KindInvalid, "a workload belongs to a cluster, and none was named").
				WithHint("name the cluster that the workloads were seen in")
		}
		return ident.Errorf(ident.KindInvalid, "states need a scope")
	}
	if err := checkText("scope", scope); err != nil {
		return err
	}
	seen := make(map[string]bool, len(rows))
	for i := range rows {
		r := &rows[i]
		if r.Key == "" || seen[r.Key] {
			return ident.Errorf(ident.KindInvalid, "the states of %.80q have the key %.80q twice, or an empty one", scope, r.Key)
		}
		seen[r.Key] = true
		if err := checkText("key", r.Key); err != nil {
			return err
		}
		if err := checkText("subject", r.Subject); err != nil {
			return err
		}
		if len(r.Body) > MaxState {
			return ident.Errorf(ident.KindLimit, "the state %.80q has %d bytes; at most %d fit", r.Key, len(r.Body), MaxState)
		}
	}
	return nil
}
