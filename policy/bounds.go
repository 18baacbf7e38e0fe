package policy

import (
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/checker"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// CEL counts steps, and charges a call after it was made, as one step where its table has
// no price. A list that doubles forty times costs forty steps, and comparing it a year. So
// what one call may be asked to do is bounded here before it is made, and priced after it.
const (
	maxList = 1 << 20 // elements of a list that expressions put together
	maxText = 1 << 20 // bytes of such a text
	// maxWalk bounds the values that one comparison may have to look at, shared ones as
	// often as they are met.
	maxWalk = 1 << 20
	// maxMatch bounds a regular expression's instructions times the bytes it looks at: about
	// a second.
	maxMatch = 1 << 27
	// maxSpent bounds what all expressions of a policy cost together, and with it what its
	// variables may hold: some seconds of a processor, some hundred megabytes.
	maxSpent = 10 * maxCost
)

// Prices, in CEL's units for one byte of text, as its own table has it.
const bytesPerUnit = 10

// bounding are the options of a program that hold calls to these bounds.
func bounding() []cel.ProgramOption {
	return []cel.ProgramOption{cel.CustomDecoratorV2(bounded)}
}

// pricing are those of a program whose steps are counted.
func pricing() []cel.ProgramOption {
	size := func(args []ref.Val, _ ref.Val) *uint64 { return price(1 + sizeOf(args[0])) }
	length := func(args []ref.Val, _ ref.Val) *uint64 { return price(1 + sizeOf(args[0])/bytesPerUnit) }
	var out []interpreter.CostTrackerOption
	for _, walks := range []string{"facts_signatures", "facts_attestations", "facts_signed_by", "facts_signed_with", "facts_since"} {
		out = append(out, interpreter.OverloadCostTracker(walks, size))
	}
	for _, reads := range []string{overloads.SizeString, overloads.SizeStringInst, overloads.StringToInt, overloads.StringToUint, overloads.StringToDouble, overloads.StringToBool, overloads.StringToTimestamp, overloads.StringToDuration} {
		out = append(out, interpreter.OverloadCostTracker(reads, length))
	}
	out = append(out, interpreter.OverloadCostTracker(boundedMatch, func(args []ref.Val, _ ref.Val) *uint64 {
		n, err := instructions(text(args[1]))
		if err != nil {
			return price(1)
		}
		// As many as CEL charges for an expression of four bytes to an instruction.
		return price(1 + (1+sizeOf(args[0]))*uint64(n)/bytesPerUnit)
	}))
	return []cel.ProgramOption{cel.CostTrackerOptions(out...)}
}

func price(units uint64) *uint64 { return &units }

// sizeOf is the length of a text, list or map; of anything else 1.
func sizeOf(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v))
	case types.Bytes:
		return uint64(len(v))
	case traits.Sizer:
		if n, ok := v.Size().(types.Int); ok && n >= 0 {
			return uint64(n)
		}
	}
	return 1
}

// boundedMatch is the overload of matches() that is bounded: CEL replaces its own by one
// that is not, where the expression is a constant.
const boundedMatch = "matches_bounded"

// bounded puts the bounds before the calls that need them.
func bounded(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || len(call.Args()) != 2 {
		return i, nil
	}
	args := call.Args()
	function, overload := call.Function(), call.OverloadID()
	var do func(a, b ref.Val) ref.Val
	switch function {
	case operators.Equals, operators.NotEquals:
		// Against a constant it ends soon: constants are small.
		if isConst(args[0]) || isConst(args[1]) {
			return i, nil
		}
		do = boundedEqual(function == operators.NotEquals)
	case operators.In, operators.OldIn:
		do = boundedIn
	case operators.Add:
		do = boundedAdd
	case overloads.Matches:
		function, overload, do = boundedMatch, boundedMatch, boundedMatches(args[1])
	default:
		return i, nil
	}
	return interpreter.NewCall(call.ID(), function, overload, args, func(args ...ref.Val) ref.Val { return do(args[0], args[1]) }), nil
}

func isConst(i interpreter.InterpretableV2) bool {
	_, is := i.(interpreter.InterpretableConst)
	return is
}

func boundedEqual(not bool) func(a, b ref.Val) ref.Val {
	return func(a, b ref.Val) ref.Val {
		// Both are walked together, and so as far as the smaller one goes.
		if left, right := maxWalk, maxWalk; !flat(a) && !flat(b) && !walk(a, &left) && !walk(b, &right) {
			return types.NewErr("comparing the two takes more than %d steps", maxWalk)
		}
		equal := types.Equal(a, b)
		if is, ok := equal.(types.Bool); ok && not {
			return !is
		}
		return equal
	}
}

// boundedIn looks for a value in a list, comparing it with each, or for a key in a map.
func boundedIn(a, list ref.Val) ref.Val {
	c, ok := list.(traits.Container)
	if !ok {
		return types.MaybeNoSuchOverloadErr(list)
	}
	if _, is := list.(traits.Lister); is {
		left, own := maxWalk, maxWalk
		if !walk(list, &left) && (!walk(a, &own) || sizeOf(list)*uint64(maxWalk-own) > maxWalk) {
			return types.NewErr("looking for it takes more than %d steps", maxWalk)
		}
	}
	return c.Contains(a)
}

func boundedAdd(a, b ref.Val) ref.Val {
	switch a.(type) {
	case types.String, types.Bytes:
		if sizeOf(a)+sizeOf(b) > maxText {
			return types.NewErr("the text is longer than %d bytes", maxText)
		}
	case traits.Lister:
		if sizeOf(a)+sizeOf(b) > maxList {
			return types.NewErr("the list has more than %d elements", maxList)
		}
	}
	sum, ok := a.(traits.Adder)
	if !ok {
		return types.MaybeNoSuchOverloadErr(a)
	}
	return sum.Add(b)
}

// boundedMatches matches by a regular expression, which is compiled once where it is a
// constant.
func boundedMatches(pattern interpreter.InterpretableV2) func(a, b ref.Val) ref.Val {
	type compiled struct {
		re  *regexp.Regexp
		n   int
		err error
	}
	prepare := func(pattern string) (c compiled) {
		if c.n, c.err = instructions(pattern); c.err == nil {
			c.re, c.err = regexp.Compile(pattern)
		}
		return c
	}
	var once *compiled
	if k, is := pattern.(interpreter.InterpretableConst); is {
		c := prepare(text(k.Value()))
		once = &c
	}
	return func(a, b ref.Val) ref.Val {
		s, ok := a.(types.String)
		p, also := b.(types.String)
		if !ok || !also {
			return types.MaybeNoSuchOverloadErr(a)
		}
		c := once
		if c == nil {
			if len(p) > MaxExpression {
				return types.NewErr("the regular expression is longer than %d bytes", MaxExpression)
			}
			fresh := prepare(string(p))
			c = &fresh
		}
		switch {
		case c.err != nil:
			return types.NewErr("%s", strings.TrimPrefix(c.err.Error(), "error parsing regexp: "))
		case c.n*(len(s)+1) > maxMatch:
			return types.NewErr("the regular expression of %d instructions is too much for a text of %d bytes", c.n, len(s))
		}
		return types.Bool(c.re.MatchString(string(s)))
	}
}

// instructions is about how many instructions a regular expression compiles to.
func instructions(pattern string) (int, error) {
	parsed, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0, err
	}
	return weight(parsed), nil
}

func weight(r *syntax.Regexp) int {
	n := 1 + len(r.Rune)
	for _, sub := range r.Sub {
		n += weight(sub)
	}
	if r.Op == syntax.OpRepeat {
		n *= max(r.Min, r.Max, 1)
	}
	return min(n, maxMatch)
}

// flat reports whether a value holds no others.
func flat(v ref.Val) bool {
	switch v.(type) {
	case types.String, types.Int, types.Bool, types.Double, types.Bytes, types.Timestamp, types.Duration:
		return true
	}
	return false
}

// walk takes from left what a walk over all of a value looks at; false is that it was not
// enough.
func walk(v ref.Val, left *int) bool {
	if *left--; *left < 0 {
		return false
	}
	switch v := v.(type) {
	case *object:
		for _, x := range v.values {
			if !walk(x, left) {
				return false
			}
		}
	case traits.Mapper:
		for i := v.Iterator(); i.HasNext() == types.True; {
			k := i.Next()
			if !walk(k, left) || !walk(v.Get(k), left) {
				return false
			}
		}
	case traits.Lister:
		n, _ := v.Size().(types.Int)
		if int(n) > *left {
			return false
		}
		for i := range n {
			if !walk(v.Get(i), left) {
				return false
			}
		}
	}
	return true
}

// share is how much of the largest input this one is, by the list that is longest for its kind.
func (p *Prepared) share() float64 {
	return max(float64(len(p.Facts))/maxFacts, float64(len(p.Findings))/maxFindings, float64(len(p.SBOMs))/maxSBOMs)
}

// spend takes the cost of an evaluation from what the policy has left; an error is that
// nothing is left.
func (c *Context) spend(cost uint64) error {
	if c.spent == nil {
		return nil
	}
	if *c.spent += cost; *c.spent > maxSpent {
		return types.NewErr("the expressions of the policy cost more than %d steps together", maxSpent).(*types.Err)
	}
	return nil
}

// priced makes the checker count every use of matches(): it knows no expression's price.
func priced(overload string) *checker.CallEstimate {
	switch overload {
	case overloads.Matches, overloads.MatchesString:
		return &checker.CallEstimate{CostEstimate: checker.CostEstimate{Max: maxCost + 1}}
	}
	return nil
}
