package secondopinion

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cofferdam-io/cofferdam/contain"
	"github.com/cofferdam-io/cofferdam/ident"
	"github.com/cofferdam-io/cofferdam/segment"
)

// held is a connection that stays open while a plan is applied.
type held struct {
	question
	net.Conn
	from netip.AddrPort
	cut  bool
}

// TestPlansOnRealPackets applies a plan of each means to a lab: of all connections
// between all ends on all ports, those that the plan cuts stop, and every other
// fares as before. Connections held open across the change stand for
// segment.Profile.EstablishedCut: No, since the lab's queue is asked about the
// first packet of a connection only. They survive, as the plan says, until its
// drain steps are taken.
func TestPlansOnRealPackets(t *testing.T) {
	l := newLab(t, 101, firstPackets)
	p := profile(t)
	p.EstablishedCut = segment.No
	files := withPolicies(t, "walls")
	files["definition.yaml"] = []byte(definition)
	before := newBoth(t, files, p)
	for i, means := range []contain.Means{contain.AdminTier, contain.Rewrite} {
		t.Run(string(means), func(t *testing.T) {
			plan, folder := separated(t, before, files, means)
			change := applied(t, before, plan, folder)
			l.enforce(t, before.objects)
			was := l.try(t, l.round(2*i))
			open := l.holdSome(t, change, was, uint16(40000+100*i)) //nolint:gosec // a port
			engine := l.enforce(t, change.after.objects)
			l.drain(t, plan, engine, open)
			stopped, same := 0, map[segment.Verdict]int{}
			wrong := 0
			for k, is := range l.try(t, l.round(2*i+1)) {
				want := was[k].outcome()
				if change.declares(&is.question) {
					if want == segment.Allowed {
						stopped++
					}
					want = segment.Denied
				} else {
					same[want]++
				}
				if is.outcome() != want || is.err != nil || !is.met {
					if wrong++; wrong <= mostShown {
						t.Errorf("%s is %s (%v), was %s, and should be %s by plan %s; it met the queue: %t, which passed it: %t", &is.question, is.outcome(), is.err, was[k].outcome(), want, plan.ID, is.met, is.passed)
					}
				}
			}
			t.Logf("%d cuts by %d objects: real connections: %d stopped; as before: %d that pass, %d that do not; %d wrong", len(plan.Cuts), len(plan.Edits), stopped, same[segment.Allowed], same[segment.Denied], wrong)
			if stopped < len(plan.Cuts) || min(same[segment.Allowed], same[segment.Denied]) < 500 {
				t.Error("the plan is tried on little")
			}
		})
	}
}

// separated is a plan that keeps a pod of the town from two others.
func separated(t *testing.T, before *both, files map[string][]byte, means contain.Means) (*contain.Plan, []contain.File) {
	t.Helper()
	pod := func(namespace, name string) ident.Ref {
		return ident.Ref{Namespace: namespace, Kind: "Pod", Name: name}
	}
	plan, err := contain.Make(t.Context(), &contain.Problem{Query: "shop/web", Objective: contain.Separate, Graph: before.ours, Set: before.set, Engine: "test", Means: means,
		Affected: []ident.Ref{pod("shop", "web")}, Protected: []ident.Ref{pod("pay", "cache"), pod("pay", "db")},
		Text: func(name string) ([]byte, error) { return files[name], nil }})
	if err != nil {
		t.Fatal(err)
	}
	folder, err := plan.Folder(nil)
	if err != nil {
		t.Fatal(err)
	}
	return plan, folder
}

// TestPlansCutOpenConnections is about a network of which segment.Profile.EstablishedCut
// is Yes: its queue is asked about every packet in the direction in which a
// connection was opened. What is open and cut by a plan ends as it is applied, as the
// plan says, without a drain step; what is not goes on.
func TestPlansCutOpenConnections(t *testing.T) {
	l := newLab(t, 102, everyPacket)
	p := profile(t)
	p.EstablishedCut = segment.Yes
	files := withPolicies(t, "walls")
	files["definition.yaml"] = []byte(definition)
	before := newBoth(t, files, p)
	for i, means := range []contain.Means{contain.AdminTier, contain.Rewrite} {
		t.Run(string(means), func(t *testing.T) {
			plan, folder := separated(t, before, files, means)
			if plan.Established.Answer != "cut" || len(plan.Established.Drain) != 0 {
				t.Fatalf("the plan says of open connections: %+v", plan.Established)
			}
			change := applied(t, before, plan, folder)
			l.enforce(t, before.objects)
			open := l.holdSome(t, change, l.try(t, l.round(i)), uint16(40000+100*i)) //nolint:gosec // a port
			said(t, open, "before", func(*held) bool { return true })
			l.enforce(t, change.after.objects)
			said(t, open, "after", func(h *held) bool { return !h.cut })
			cut := len(slices.DeleteFunc(slices.Clone(open), func(h *held) bool { return !h.cut }))
			t.Logf("%d open connections are cut as the plan is applied, %d others go on", cut, len(open)-cut)
			if cut == 0 || cut == len(open) {
				t.Error("the open connections show little")
			}
		})
	}
}

// said says something on all connections, and looks on which it is answered.
func said(t *testing.T, open []*held, what string, want func(*held) bool) {
	t.Helper()
	say(t, open, what)
	late := time.Now().Add(1500 * time.Millisecond) // TCP sends again after a fifth of a second, and twice as long each time
	for _, h := range open {
		until := late
		if want(h) {
			until = time.Now().Add(5 * time.Second)
		}
		err := hears(h, what, until)
		switch {
		case want(h) && err != nil:
			t.Errorf("%s: %q is not answered: %v", &h.question, what, err)
		case !want(h) && !errors.Is(err, os.ErrDeadlineExceeded):
			t.Errorf("%s: %q is answered: %v", &h.question, what, err)
		}
	}
}

// holdSome opens a connection of each pair that the plan cuts, where one passes,
// and some of others.
func (l *lab) holdSome(t *testing.T, change *planned, was []*attempt, from uint16) []*held {
	t.Helper()
	const others = 5
	var out []*held
	kept := 0
	taken := map[[2]netip.Addr]bool{}
	for i, a := range was {
		pair := [2]netip.Addr{a.src.ips[0], a.dst.ips[0]}
		if !a.reached || a.protocol != "TCP" || a.src == a.dst || taken[pair] {
			continue
		}
		h := &held{question: a.question, cut: change.declares(&a.question), from: netip.AddrPortFrom(pair[0], from)}
		if !h.cut && (kept >= others || i%37 != 0) {
			continue
		}
		if !h.cut {
			kept++
		}
		taken[pair] = true
		from++
		var err error
		if h.Conn, err = l.spaces[pair[0]].hold(Packet{Src: pair[0], Dst: pair[1], Protocol: a.protocol, Port: a.port}, h.from.Port()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closing(t, h.Close) })
		out = append(out, h)
	}
	return out
}

// drain takes the plan's drain steps about connections that are open, and looks at
// those before and after.
func (l *lab) drain(t *testing.T, plan *contain.Plan, after *Engine, open []*held) {
	t.Helper()
	const (
		soon  = 5 * time.Second         // a bound for what comes at once
		never = 1500 * time.Millisecond // TCP sends again after a fifth of a second, and twice as long each time
	)
	if plan.Established.Answer != "survive" || len(plan.Established.Drain) == 0 {
		t.Fatalf("the plan says of open connections: %+v", plan.Established)
	}
	say(t, open, "applied")
	for _, h := range open {
		if err := hears(h, "applied", time.Now().Add(soon)); err != nil {
			t.Fatalf("%s: an open connection does not survive, as the plan says: %v", &h.question, err)
		}
	}
	cut := slices.DeleteFunc(slices.Clone(open), func(h *held) bool { return !h.cut })
	servers := map[*held]net.Conn{}
	for _, h := range cut {
		if servers[h] = l.calls.of(h.from); servers[h] == nil {
			t.Fatalf("%s: the other end is gone", &h.question)
		}
		// What it has to send again would be what it says first, see below.
		if err := quiet(servers[h], time.Now().Add(soon)); err != nil {
			t.Fatal(err)
		}
	}
	for _, h := range cut {
		if n, err := forget(l.node, h.src.ips[0], h.dst.ips[0]); err != nil || n == 0 {
			t.Fatalf("%s: %d entries are deleted: %v", &h.question, n, err)
		}
	}
	say(t, open, "drained")
	late := time.Now().Add(never)
	for _, h := range cut {
		if err := hears(h, "drained", late); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: goes on after its entry was deleted: %v", &h.question, err)
		}
	}
	for _, h := range open {
		if h.cut {
			continue
		}
		if err := hears(h, "drained", time.Now().Add(soon)); err != nil {
			t.Errorf("%s: is not cut, and ends with those that are: %v", &h.question, err)
		}
	}
	// What the other end says first begins a connection the other way round.
	for _, h := range cut {
		if _, err := servers[h].Write([]byte("hello?")); err != nil {
			t.Fatal(err)
		}
	}
	returned := 0
	late = time.Now().Add(never)
	for _, h := range cut {
		back, err := after.Passes(t.Context(), Packet{Src: h.dst.ips[0], Dst: h.src.ips[0], Protocol: h.protocol, Port: h.from.Port()})
		if err != nil {
			t.Fatal(err)
		}
		if back {
			returned++
			if err := hears(h, "hello?", time.Now().Add(soon)); err != nil {
				t.Errorf("%s: does not come back, although the other end may open connections: %v", &h.question, err)
			}
		} else if err := hears(h, "hello?", late); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: comes back, although neither end may open connections: %v", &h.question, err)
		}
		warned := slices.ContainsFunc(plan.Established.Drain, func(s string) bool { return strings.Contains(s, h.src.ref.Short()+" and "+h.dst.ref.Short()) })
		if warned != back {
			t.Errorf("%s: the plan says that it may come back: %t, and it does: %t", &h.question, warned, back)
		}
	}
	t.Logf("open connections: %d cut ones end once drained, of which %d come back when the other end speaks first, since that may open connections; %d others go on", len(cut), returned, len(open)-len(cut))
	if len(cut) == len(open) || returned == 0 || returned == len(cut) {
		t.Error("the open connections show little")
	}
}

func say(t *testing.T, to []*held, what string) {
	t.Helper()
	for _, h := range to {
		if _, err := h.Write([]byte(what)); err != nil {
			t.Fatal(err)
		}
	}
}
