package flow

import (
	"bytes"
	"encoding/binary"
	"math/bits"

	"github.com/cofferdam-io/cofferdam/jsonscan"
	"github.com/cofferdam-io/cofferdam/segment"
)

// One program writes its flows in a few shapes: the same names in the same order, with
// other values. What was read once as JSON, name by name, none of them twice, shows
// that every line of its shape is JSON without a name twice, too, as long as the values
// are of the same kinds and plain. So a line is first held against the shapes of those
// before it, which compares what is the same and looks at nothing but values; a line
// that differs in a byte is read as JSON.

// hole is a value in a shape, by its kind.
type hole uint8

const (
	noHole     hole = iota
	textHole        // of printable ASCII without escapes, without its quotes
	numberHole      // a whole one
	wordHole        // true, false or null
	endHole         // an Endpoint that is remembered
)

// meaning is what a value, or a name, says of the flow.
type meaning uint8

const (
	means0 meaning = iota
	meansTime
	meansNode
	meansVerdict
	meansFrom
	meansTo
	meansTCP
	meansUDP
	meansSCTP
	meansSourcePort
	meansPort
	meansFlags
	meansSYN
	meansACK
	meansSource
	meansDestination
	meansType
	meansReply
	meansOldReply
)

// shape is a tree of the shapes seen: what stands before a value, the value, and what
// may follow.
type shape struct {
	text  []byte
	hole  hole
	means meaning
	last  bool // the line ends behind text
	next  []*shape
}

// Shapes are learnt from the first lines that have none, unless they are longer than
// any flow; more of them than these are no program's. A line is compared with all of them at
// worst.
const (
	mostShapes     = 128
	mostShapeSteps = 8192
	longestShape   = 8 << 10
)

// outcomes of following a line through the shapes.
type following uint8

const (
	noShape following = iota // the line has none of them
	shaped                   // it was read
	asJSON                   // it has one, and something to be read with care
)

// follow reads a line that has a shape which was seen.
func (p *hubbleParser) follow(s *source, r *record, line []byte) following {
	at, pos := &p.shapes, 0
	for {
		var step *shape
		var from, to int
		for _, x := range at.next {
			if !bytes.HasPrefix(line[pos:], x.text) {
				continue
			}
			from = pos + len(x.text)
			if x.last {
				if from == len(line) {
					return shaped
				}
				continue
			}
			if x.hole == endHole {
				known, _, _ := p.remembered(line[from:])
				if known == nil {
					return asJSON
				}
				if x.means == meansSource {
					p.src = known
				} else {
					p.dst = known
				}
				step, to = x, from+len(known.text)
				break
			}
			var ok bool
			if to, ok = x.hole.end(line, from); ok {
				step = x
				break
			}
		}
		if step == nil {
			return noShape
		}
		if step.means != means0 && !p.take(s, r, step.means, line[from:to]) {
			return asJSON
		}
		at, pos = step, to
	}
}

// end finds the end of a value of the kind that a hole is for; false if there is none.
func (h hole) end(line []byte, i int) (int, bool) {
	switch h {
	case textHole:
		end := asciiEnd(line, i)
		return end, end < len(line) && line[end] == '"'
	case numberHole:
		j := i
		if j < len(line) && line[j] == '-' {
			j++
		}
		first := j
		for j < len(line) && '0' <= line[j] && line[j] <= '9' {
			j++
		}
		// Longer ones, those with a zero before and others than whole ones are JSON's to judge.
		return j, j > first && j-first <= 18 && (line[first] != '0' || j == first+1) && (j == len(line) || line[j] == ',' || line[j] == '}' || line[j] == ']')
	case wordHole:
		for _, w := range [...]string{"true", "false", "null"} {
			if end := i + len(w); end <= len(line) && string(line[i:end]) == w {
				return end, true
			}
		}
		return i, false
	case noHole, endHole:
	}
	return i, true
}

// asciiEnd finds the first byte that is not plain in a string: a quote, a backslash, a
// control character or what is not ASCII.
func asciiEnd(b []byte, i int) int {
	const ones, high = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^'"'*ones, w^'\\'*ones
		// The lowest bit that is set is exact; only those above it may be of a borrow.
		if hit := ((quote-ones)&^quote | (slash-ones)&^slash | (w-' '*ones)&^w | w) & high; hit != 0 {
			return i + bits.TrailingZeros64(hit)>>3
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < ' ' || c >= 0x80 {
			return i
		}
	}
	return i
}

// take does with a value what message does; false if that has to say what is wrong.
func (p *hubbleParser) take(s *source, r *record, m meaning, v []byte) bool {
	ok := true
	switch m {
	case meansTime:
		r.first, ok = parseTime(v)
		r.last = r.first
	case meansNode:
		p.node = append(p.node[:0], v...)
	case meansVerdict:
		p.kind = hubbleFlow
		switch string(v) {
		case "DROPPED", "ERROR":
			r.refused = true
		}
	case meansFrom:
		if len(v) > 0 {
			r.src.addr, ok = s.a.texts.parse(v)
		}
	case meansTo:
		if len(v) > 0 {
			r.dst.addr, ok = s.a.texts.parse(v)
		}
	case meansTCP:
		r.proto, p.layer4 = segment.TCP, true
	case meansUDP:
		r.proto, p.layer4 = segment.UDP, true
	case meansSCTP:
		r.proto, p.layer4 = segment.SCTP, true
	case meansSourcePort:
		r.sport = portOf(v)
	case meansPort:
		r.dport = portOf(v)
	case meansFlags:
		p.flags = true
	case meansSYN, meansACK:
		is := v[0] == 't'
		if ok = v[0] != 'n'; m == meansSYN {
			p.syn = is
		} else {
			p.ack = is
		}
	case meansType:
		p.sock = string(v) == "SOCK"
	case meansReply:
		if ok = v[0] != 'n'; v[0] == 't' {
			r.dir = reverse
		} else {
			r.dir = forward
		}
	case meansOldReply:
		if v[0] == 't' {
			r.dir = reverse
		}
	case means0, meansSource, meansDestination:
	}
	return ok
}

func portOf(v []byte) uint16 {
	n := 0
	for _, c := range v {
		if n = n*10 + int(c-'0'); c == '-' || n > 65535 {
			return 0
		}
	}
	return uint16(n) //nolint:gosec // at most 65535
}

// learning makes the steps of a line that was read without fault.
type learning struct {
	j     *jsonscan.Reader
	line  []byte
	done  int // what the steps cover
	steps []shape
}

// learn remembers the shape of a line that message has read as a flow, if it is one
// that following it means the same: see the test that holds one against the other.
func (p *hubbleParser) learn(line []byte) {
	if p.learnt >= mostShapes || p.steps > mostShapeSteps || len(line) > longestShape {
		return
	}
	p.learnt++
	if p.teacher == nil {
		p.teacher = lineReader()
	}
	p.teacher.Reset(line)
	l := &learning{j: p.teacher, line: line}
	if !l.message(0) || l.j.End() != nil {
		return
	}
	l.steps = append(l.steps, shape{text: line[l.done:], last: true})
	at := &p.shapes
	for i := range l.steps {
		x := &l.steps[i]
		var found *shape
		for _, y := range at.next {
			if y.hole == x.hole && y.means == x.means && y.last == x.last && bytes.Equal(y.text, x.text) {
				found = y
				break
			}
		}
		if found == nil {
			found = &shape{text: bytes.Clone(x.text), hole: x.hole, means: x.means, last: x.last}
			at.next = append(at.next, found)
			p.steps++
		}
		at = found
	}
}

// name ends a step behind the name that was read.
func (l *learning) name(m meaning) bool {
	at := l.j.Offset()
	l.steps = append(l.steps, shape{text: l.line[l.done:at], means: m})
	l.done = at
	return true
}

// value passes a scalar, which has to be one that can be followed; of the kind want,
// unless that is noHole.
func (l *learning) value(want hole, m meaning) bool {
	var h hole
	switch l.j.Kind() {
	case jsonscan.String:
		h = textHole
	case jsonscan.Number:
		h = numberHole
	case jsonscan.Bool, jsonscan.Null:
		h = wordHole
	case jsonscan.Object, jsonscan.Array, jsonscan.Invalid, jsonscan.End:
		return false
	}
	from := l.j.Offset()
	l.j.Skip()
	to := l.j.Offset()
	if h == textHole {
		from++
		to--
	}
	if end, ok := h.end(l.line, from); !ok || end != to || want != noHole && h != want || l.j.Err() != nil {
		return false
	}
	l.steps = append(l.steps, shape{text: l.line[l.done:from], hole: h, means: m})
	l.done = to
	return true
}

// whatever passes a value that nothing is read of.
func (l *learning) whatever() bool {
	switch l.j.Kind() {
	case jsonscan.Object:
		return l.object(func([]byte) bool { return l.whatever() })
	case jsonscan.Array:
		for l.j.Array(); l.j.NextItem(); {
			if !l.whatever() {
				return false
			}
		}
		return true
	case jsonscan.String, jsonscan.Number, jsonscan.Bool, jsonscan.Null, jsonscan.Invalid, jsonscan.End:
	}
	return l.value(noHole, means0)
}

// object passes an object, its members by what is given.
func (l *learning) object(member func(key []byte) bool) bool {
	if l.j.Kind() != jsonscan.Object || !l.j.Object() {
		return false
	}
	for {
		key, ok := l.j.NextKey()
		if !ok {
			return l.j.Err() == nil
		}
		if !member(key) {
			return false
		}
	}
}

// message passes a flow, or what is around it.
func (l *learning) message(depth int) bool {
	return l.object(func(key []byte) bool {
		switch string(key) {
		case "flow":
			return depth == 0 && l.message(1)
		case "time":
			return l.value(textHole, meansTime)
		case "node_name", "nodeName":
			return l.value(textHole, meansNode)
		case "verdict":
			return l.value(textHole, meansVerdict)
		case "IP":
			return l.object(l.addresses)
		case "l4":
			return l.object(l.ports)
		case "source":
			return l.endpoint(meansSource)
		case "destination":
			return l.endpoint(meansDestination)
		case "Type", "type":
			return l.value(textHole, meansType)
		case "is_reply", "isReply":
			return l.value(wordHole, meansReply)
		case "reply":
			return l.value(wordHole, meansOldReply)
		case "lost_events", "lostEvents", "node_status", "nodeStatus", "agent_event", "agentEvent", "debug_event", "debugEvent":
			return false // no flow
		}
		return l.whatever()
	})
}

func (l *learning) addresses(key []byte) bool {
	switch string(key) {
	case "source":
		return l.value(textHole, meansFrom)
	case "destination":
		return l.value(textHole, meansTo)
	}
	return l.whatever()
}

func (l *learning) ports(key []byte) bool {
	m := map[string]meaning{"TCP": meansTCP, "UDP": meansUDP, "SCTP": meansSCTP}[string(key)]
	if m == means0 {
		return false // ICMP, or what is to come
	}
	return l.name(m) && l.object(func(key []byte) bool {
		switch string(key) {
		case "source_port", "sourcePort":
			return l.value(numberHole, meansSourcePort)
		case "destination_port", "destinationPort":
			return l.value(numberHole, meansPort)
		case "flags":
			return l.name(meansFlags) && l.object(func(key []byte) bool {
				switch string(key) {
				case "SYN":
					return l.value(wordHole, meansSYN)
				case "ACK":
					return l.value(wordHole, meansACK)
				}
				return l.whatever()
			})
		}
		return l.whatever()
	})
}

// endpoint passes an Endpoint as one value.
func (l *learning) endpoint(m meaning) bool {
	if l.j.Kind() != jsonscan.Object {
		return false
	}
	from := l.j.Offset()
	l.j.Skip()
	l.steps = append(l.steps, shape{text: l.line[l.done:from], hole: endHole, means: m})
	l.done = l.j.Offset()
	return l.j.Err() == nil
}
