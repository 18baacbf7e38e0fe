package patch

// Carry returns have, what a text says, with what differs between before and
// after, two readings of such an object in another form. A round trip through the
// API's Go types drops nulls and empty lists and writes what was left out; where
// before is have after that trip, Carry keeps all this as the author wrote it, so
// that a patch holds the change alone:
//
//	m["spec"] = patch.Carry(m["spec"], decodedSpec, changedSpec)
//
// All three are JSON trees; they are left alone, and share parts with the result.
func Carry(have, before, after any) any {
	if sameTree(before, after) {
		return have
	}
	switch b := before.(type) {
	case map[string]any:
		h, ok := have.(map[string]any)
		a, also := after.(map[string]any)
		if !ok || !also {
			return after
		}
		return carryObject(h, b, a)
	case []any:
		h, ok := have.([]any)
		a, also := after.([]any)
		if !ok || !also || len(h) != len(b) {
			return after
		}
		return carryList(h, b, a)
	}
	return after
}

func carryObject(have, before, after map[string]any) map[string]any {
	out := make(map[string]any, len(have))
	for k, v := range have {
		_, was := before[k]
		if _, is := after[k]; was && !is {
			continue
		}
		out[k] = v
	}
	for k, v := range after {
		b, was := before[k]
		h, stands := have[k]
		switch {
		case was && stands:
			out[k] = Carry(h, b, v)
		case was && sameTree(b, v):
			// the other form wrote it out; the text left it to be understood
		default:
			out[k] = v
		}
	}
	return out
}

func carryList(have, before, after []any) []any {
	old, err := canonical(before, 0)
	now, other := canonical(after, 0)
	if err != nil || other != nil {
		return after
	}
	b, _ := old.([]any)
	a, _ := now.([]any)
	out := make([]any, 0, len(a))
	for _, s := range align(b, a) {
		switch {
		case s.want < 0:
		case s.old < 0:
			out = append(out, after[s.want])
		default:
			out = append(out, Carry(have[s.old], before[s.old], after[s.want]))
		}
	}
	return out
}
