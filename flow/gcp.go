package flow

// gcpParser reads VPC flow logs of Google Cloud ("About VPC Flow Logs records"):
// entries of Cloud Logging, or only their jsonPayload. A record is of one
// direction of a connection; both ends may report it. The details of GKE are
// approximations, says the documentation: they count where the address says
// nothing, and make the end unknown where they contradict it.
type gcpParser struct {
	jsonLine
	src, dst hubbleEnd
	proto    uint64
	hasConn  bool
}

func newGCP() *gcpParser { return &gcpParser{jsonLine: newJSONLine()} }

func (p *gcpParser) parse(s *source, b []byte) {
	r := &s.rec
	r.reset()
	p.src, p.dst = p.src.empty(), p.dst.empty()
	p.proto, p.hasConn = 0, false
	p.begin(b)
	p.entry(s, r)
	if !p.ended(s) {
		return
	}
	var ok bool
	switch {
	case !p.hasConn:
		s.fault("no connection", nil)
		return
	case p.proto > 255:
		s.fault("protocol is no number of 0 to 255", nil)
		return
	}
	if r.proto, ok = transport(p.proto); !ok {
		s.otherProtocol(p.proto)
		return
	}
	switch {
	case !r.src.addr.IsValid() || !r.dst.addr.IsValid():
		s.fault("a connection without src_ip or dest_ip", nil)
		return
	case r.sport == 0 || r.dport == 0:
		s.fault("a port is not 1 to 65535", nil)
		return
	}
	if r.last == noTime {
		r.last = r.first
	} else if r.first == noTime {
		r.first = r.last
	}
	s.approximate(r, &r.src, &p.src)
	s.approximate(r, &r.dst, &p.dst)
	s.finish(r)
}

// approximate names an end by what may be wrong about it.
func (s *source) approximate(r *record, to *endpoint, e *hubbleEnd) {
	if len(e.namespace) == 0 || len(e.pod) == 0 && len(e.name) == 0 {
		return
	}
	var named endpoint
	s.podOr(&named, nil, e.namespace, e.pod, e.kind, e.name)
	at := s.a.locate(to, r)
	switch {
	case at.svc >= 0: // a Service's address is no pod's
	case s.a.ends[at.end].place == PlaceWorkload:
		if named.why == notInBook && named.end != at.end {
			l := s.a.unknownAddress(to.addr, disagree)
			to.end, to.why, to.named = l.end, disagree, true
		}
	case s.a.ends[named.end].place == PlaceWorkload:
		to.end, to.named = named.end, true
	}
}

func (p *gcpParser) entry(s *source, r *record) {
	j := p.r
	for j.Object(); ; {
		key, ok := j.NextKey()
		if !ok {
			return
		}
		switch string(key) {
		case "jsonPayload":
			p.entry(s, r)
		case "connection":
			p.connection(s, r)
		case "start_time":
			p.time(&r.first, "start_time")
		case "end_time":
			p.time(&r.last, "end_time")
		case "bytes_sent":
			if v, ok := p.number(); ok {
				r.bytes = v
			} else {
				p.fail("bytes_sent is no number", nil)
			}
		case "src_gke_details":
			p.details(&p.src)
		case "dest_gke_details":
			p.details(&p.dst)
		}
	}
}

func (p *gcpParser) connection(s *source, r *record) {
	j := p.r
	p.hasConn = true
	port := func(to *uint16) {
		if v, ok := p.number(); ok && v < 1<<16 {
			*to = uint16(v)
		}
	}
	for j.Object(); ; {
		key, ok := j.NextKey()
		if !ok {
			return
		}
		switch string(key) {
		case "src_ip":
			p.address(s, &r.src, "src_ip")
		case "dest_ip":
			p.address(s, &r.dst, "dest_ip")
		case "src_port":
			port(&r.sport)
		case "dest_port":
			port(&r.dport)
		case "protocol":
			v, ok := p.number()
			if !ok {
				v = 256
			}
			p.proto = v
		}
	}
}

// details reads GkeDetails: pod with its namespace and workload.
func (p *gcpParser) details(e *hubbleEnd) {
	j := p.r
	for j.Object(); ; {
		key, ok := j.NextKey()
		if !ok {
			return
		}
		if string(key) != "pod" {
			continue
		}
		for j.Object(); ; {
			key, ok := j.NextKey()
			if !ok {
				break
			}
			switch string(key) {
			case "pod_namespace":
				e.namespace = append(e.namespace[:0], j.Bytes()...)
			case "pod_name":
				e.pod = append(e.pod[:0], j.Bytes()...)
			case "pod_workload":
				for j.Object(); ; {
					key, ok := j.NextKey()
					if !ok {
						break
					}
					switch string(key) {
					case "workload_name":
						e.name = append(e.name[:0], j.Bytes()...)
					case "workload_type":
						e.kind = append(e.kind[:0], j.Bytes()...)
					}
				}
			}
		}
	}
}
