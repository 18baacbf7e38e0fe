package jsonscan

// Any reads a value of whatever kind: nil, bool, string, what number makes of a number's
// text, []any and map[string]any. It is for small inputs whose form is not known, or that
// are written again in one form; a fault is in Err, and the value is then worth nothing.
func (r *Reader) Any(number func(text string) any) any {
	switch r.Kind() {
	case Object:
		out := map[string]any{}
		r.Object()
		for key, ok := r.NextKey(); ok; key, ok = r.NextKey() {
			name := string(key)
			out[name] = r.Any(number)
		}
		return out
	case Array:
		out := []any{}
		r.Array()
		for r.NextItem() {
			out = append(out, r.Any(number))
		}
		return out
	case String:
		return r.String()
	case Number:
		return number(string(r.Raw()))
	case Bool:
		return r.Bool()
	}
	r.Skip() // null, or nothing
	return nil
}
