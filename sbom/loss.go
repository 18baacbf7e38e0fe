package sbom

// Loss is what an encoder could not say in the words of its format. Losses of one
// sort are one entry: a document of a million components has a few of them.
type Loss struct {
	Pointer string `json:"pointer"` // of the first component or member it was found at, in the document that was decoded
	What    string `json:"what"`    // "the group of a component"
	Count   int    `json:"count"`
	// Kept says where it is said all the same, in our own namespace: "annotation",
	// "property"; our decoders read it back. "" is lost.
	Kept string `json:"kept,omitempty"`
}

// Losses collects what an encoder could not say, in the order in which each sort
// was met first. The zero value is ready.
type Losses struct {
	list []Loss
	at   map[Loss]int
}

// Add counts one loss.
func (l *Losses) Add(pointer, what, kept string) { l.AddN(pointer, what, kept, 1) }

// AddN counts n losses of one sort.
func (l *Losses) AddN(pointer, what, kept string, n int) {
	if l.at == nil {
		l.at = map[Loss]int{}
	}
	key := Loss{What: what, Kept: kept}
	i, ok := l.at[key]
	if !ok {
		i = len(l.list)
		l.at[key] = i
		l.list = append(l.list, Loss{Pointer: pointer, What: what, Kept: kept})
	}
	l.list[i].Count += n
}

// List returns what was collected.
func (l *Losses) List() []Loss { return l.list }
