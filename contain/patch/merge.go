package patch

// MergePatch returns the JSON merge patch (RFC 7386) that turns old into want:
// what kubectl patch --type=merge takes. It names what differs and nothing else;
// a field that goes is null, a list is given whole. A null in want means the same
// as a field that is absent, for a merge patch has no way to set one. Where
// nothing differs it is an empty object, which changes nothing; the trees are
// left alone, and share parts with the result.
func MergePatch(old, want any) any {
	o, isObject := old.(map[string]any)
	w, also := want.(map[string]any)
	if !also {
		return want
	}
	out := map[string]any{}
	if !isObject {
		o = nil
	}
	for k, v := range w {
		have, present := o[k]
		switch {
		case v == nil:
			if have != nil {
				out[k] = nil
			}
		case !present || have == nil || !sameTree(have, v):
			out[k] = MergePatch(have, v)
		}
	}
	for k, v := range o {
		if _, stays := w[k]; !stays && v != nil {
			out[k] = nil
		}
	}
	return out
}

// sameTree compares values that may hold numbers of several Go types.
func sameTree(a, b any) bool {
	x, err := canonical(a, 0)
	if err != nil {
		return false
	}
	y, err := canonical(b, 0)
	return err == nil && equal(x, y)
}
