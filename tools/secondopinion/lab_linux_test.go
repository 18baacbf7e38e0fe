package secondopinion

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// space is a network namespace and a thread that lives in it. It has no name and
// leaves no file: it ends with the process at the latest, whatever happens to
// that, and all that was made in it ends with it.
type space struct {
	ns   netns.NsHandle
	work chan func()
	done chan struct{}
}

func newSpace() (*space, error) {
	s := &space{work: make(chan func()), done: make(chan struct{})}
	ready := make(chan error)
	go func() {
		defer close(s.done)
		runtime.LockOSThread() // and never unlocked, so that the thread ends here
		var err error
		s.ns, err = netns.New()
		ready <- err
		if err != nil {
			return
		}
		for f := range s.work {
			f()
		}
	}()
	if err := <-ready; err != nil {
		return nil, err
	}
	return s, nil
}

// do runs something in the namespace. Sockets that it opens stay there.
func (s *space) do(f func() error) error {
	result := make(chan error)
	s.work <- func() { result <- f() }
	return <-result
}

func (s *space) close() error {
	close(s.work)
	<-s.done
	return s.ns.Close()
}

// gateway is the node's address on every link to a pod.
const gateway = "169.254.1.1/32"

// attach links a pod's namespace to the node's, as the ptp plugin does: a route
// to each address, no bridge.
func attach(node, pod *space, name string, addr netip.Addr) error {
	outer, err := netlink.NewHandleAt(node.ns)
	if err != nil {
		return err
	}
	defer outer.Close()
	inner, err := netlink.NewHandleAt(pod.ns)
	if err != nil {
		return err
	}
	defer inner.Close()
	link := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: "eth0", PeerNamespace: netlink.NsFd(pod.ns)}
	if err := outer.LinkAdd(link); err != nil {
		return fmt.Errorf("link %s: %w", name, err)
	}
	near, err := outer.LinkByName(name)
	if err != nil {
		return err
	}
	far, err := inner.LinkByName("eth0")
	if err != nil {
		return err
	}
	lo, err := inner.LinkByName("lo")
	if err != nil {
		return err
	}
	via, err := netlink.ParseAddr(gateway)
	if err != nil {
		return err
	}
	only := &net.IPNet{IP: addr.AsSlice(), Mask: net.CIDRMask(addr.BitLen(), addr.BitLen())}
	return errors.Join(
		outer.AddrAdd(near, via), outer.LinkSetUp(near),
		inner.AddrAdd(far, &netlink.Addr{IPNet: only}), inner.LinkSetUp(lo), inner.LinkSetUp(far),
		outer.RouteAdd(&netlink.Route{LinkIndex: near.Attrs().Index, Dst: only, Scope: netlink.SCOPE_LINK}),
		inner.RouteAdd(&netlink.Route{LinkIndex: far.Attrs().Index, Dst: via.IPNet, Scope: netlink.SCOPE_LINK}),
		inner.RouteAdd(&netlink.Route{LinkIndex: far.Attrs().Index, Gw: via.IP}))
}

// judged are the packets that a lab's queue is asked about: what an enforcer makes of
// connections that are open depends on it.
type judged int

const (
	firstPackets judged = iota // of each connection: those that are open survive a change
	everyPacket                // in the direction in which a connection was opened: they are cut
)

func (j judged) match() []expr.Any {
	if j == everyPacket {
		return []expr.Any{&expr.Ct{Register: 1, Key: expr.CtKeyDIRECTION}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{0}}}
	}
	return []expr.Any{
		&expr.Ct{Register: 1, Key: expr.CtKeySTATE},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: binaryutil.NativeEndian.PutUint32(expr.CtStateBitNEW), Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: make([]byte, 4)},
	}
}

// queue hands packets of forwarded connections to user space. Where
// the kernel has no queue of nftables' own, iptables' target is used through
// nftables, as the iptables command of most distributions does.
func queue(node *space, number uint16, which judged) error {
	if err := node.do(func() error { return os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0) }); err != nil {
		return err
	}
	// struct xt_NFQ_info, padded to eight bytes
	target := xt.Unknown(append(binaryutil.NativeEndian.PutUint16(number), make([]byte, 6)...))
	err := addRule(node, which, &expr.Queue{Num: number})
	if errors.Is(err, unix.ENOENT) {
		err = addRule(node, which, &expr.Target{Name: "NFQUEUE", Info: &target})
	}
	return err
}

func addRule(node *space, which judged, verdict expr.Any) error {
	c, err := nftables.New(nftables.WithNetNSFd(int(node.ns)))
	if err != nil {
		return err
	}
	table := c.AddTable(&nftables.Table{Name: "secondopinion", Family: nftables.TableFamilyIPv4})
	chain := c.AddChain(&nftables.Chain{Name: "forward", Table: table, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter})
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: append(which.match(), verdict)})
	return c.Flush()
}

// serve answers on a port of a pod: to who connects, or sends something, it says
// its address. To who stays connected it sends back what it is sent; calls has the
// servers' ends.
func (s *space) serve(addr netip.Addr, protocol string, port uint16, calls *calls) (func() error, error) {
	kind := unix.SOCK_STREAM
	if protocol == "udp" {
		kind = unix.SOCK_DGRAM
	}
	var fd int
	err := s.do(func() (err error) {
		fd, err = unix.Socket(unix.AF_INET, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		if err = unix.Bind(fd, &unix.SockaddrInet4{Port: int(port), Addr: addr.As4()}); err == nil && kind == unix.SOCK_STREAM {
			err = unix.Listen(fd, unix.SOMAXCONN)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), protocol)
	defer func() { _ = f.Close() }() // net has its own copy
	if kind == unix.SOCK_DGRAM {
		c, err := net.FilePacketConn(f)
		if err != nil {
			return nil, err
		}
		go func() {
			buf := make([]byte, 64)
			for {
				_, from, err := c.ReadFrom(buf)
				if errors.Is(err, net.ErrClosed) {
					return
				}
				if err == nil {
					_, _ = c.WriteTo([]byte(addr.String()), from)
				}
			}
		}()
		return c.Close, nil
	}
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				calls.add(c)
				_, _ = c.Write([]byte(addr.String()))
				go func() {
					_, _ = io.Copy(c, c)
					calls.end(c)
				}()
			}
		}
	}()
	return l.Close, nil
}

// calls are the servers' ends of connections, by the address of the other end.
type calls struct {
	mu sync.Mutex
	by map[string]net.Conn
}

func (c *calls) add(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.by == nil {
		c.by = map[string]net.Conn{}
	}
	c.by[conn.RemoteAddr().String()] = conn
}

func (c *calls) end(conn net.Conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.by, conn.RemoteAddr().String())
	_ = conn.Close()
}

func (c *calls) of(from netip.AddrPort) net.Conn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.by[from.String()]
}

// hold opens a connection that stays open.
func (s *space) hold(p Packet, from uint16) (net.Conn, error) {
	var fd int
	err := s.do(func() (err error) {
		if fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		// As long as a connection may take to open.
		return errors.Join(unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &unix.Timeval{Sec: 5}),
			unix.Bind(fd, &unix.SockaddrInet4{Port: int(from)}),
			unix.Connect(fd, &unix.SockaddrInet4{Port: int(p.Port), Addr: p.Dst.As4()}))
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", p, err)
	}
	f := os.NewFile(uintptr(fd), "held")
	defer func() { _ = f.Close() }() // net has its own copy
	c, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	return c, hears(c, p.Dst.String(), time.Now().Add(5*time.Second))
}

// hears reads what the other end is to say until a time.
func hears(c net.Conn, what string, until time.Time) error {
	if err := c.SetReadDeadline(until); err != nil {
		return err
	}
	buf := make([]byte, len(what))
	if _, err := io.ReadFull(c, buf); err != nil {
		return err
	}
	if string(buf) != what {
		return fmt.Errorf("%q is heard in place of %q", buf, what)
	}
	return nil
}

// quiet waits until a connection has nothing on its way that would be sent again.
func quiet(c net.Conn, until time.Time) error {
	s, ok := c.(syscall.Conn)
	if !ok {
		return fmt.Errorf("a %T has no socket", c)
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	for time.Now().Before(until) {
		var info *unix.TCPInfo
		var infoErr error
		if err := raw.Control(func(fd uintptr) { info, infoErr = unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO) }); err != nil {
			return err
		}
		if infoErr != nil {
			return infoErr
		}
		if info.Unacked == 0 {
			return nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("what %s says is not acknowledged", c.LocalAddr())
}

// forget deletes what the node's kernel remembers of connections from one address
// to another, as conntrack -D -s SRC -d DST does.
func forget(node *space, src, dst netip.Addr) (uint, error) {
	h, err := netlink.NewHandleAt(node.ns, unix.NETLINK_NETFILTER)
	if err != nil {
		return 0, err
	}
	defer h.Close()
	f := &netlink.ConntrackFilter{}
	if err := errors.Join(f.AddIP(netlink.ConntrackOrigSrcIP, src.AsSlice()), f.AddIP(netlink.ConntrackOrigDstIP, dst.AsSlice())); err != nil {
		return 0, err
	}
	return h.ConntrackDeleteFilters(netlink.ConntrackTable, unix.AF_INET, f)
}

// probe is one attempt to connect.
type probe struct {
	Packet
	from    uint16 // its own port, which no probe before had: see connect
	fd      int
	done    bool
	reached bool
	err     error
}

// open sends the first packet.
func (p *probe) open() error {
	kind := unix.SOCK_STREAM
	if p.Protocol == "UDP" {
		kind = unix.SOCK_DGRAM
	}
	var err error
	if p.fd, err = unix.Socket(unix.AF_INET, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	if err := unix.Bind(p.fd, &unix.SockaddrInet4{Port: int(p.from)}); err != nil {
		return err
	}
	err = unix.Connect(p.fd, &unix.SockaddrInet4{Port: int(p.Port), Addr: p.Dst.As4()})
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		return err
	}
	return p.again()
}

// again sends a datagram once more; what TCP sends again is its own affair.
func (p *probe) again() error {
	if p.Protocol != "UDP" || p.done {
		return nil
	}
	_, err := unix.Write(p.fd, []byte("who is there?"))
	return err
}

// read takes the answer, or why there is none.
func (p *probe) read() {
	buf := make([]byte, 64)
	n, err := unix.Read(p.fd, buf)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return
	case err != nil:
		p.err = err
	case string(buf[:max(n, 0)]) != p.Dst.String():
		p.err = fmt.Errorf("%q answers", buf[:max(n, 0)])
	default:
		p.reached = true
	}
	p.done = true
}

// await polls for answers for some milliseconds.
func await(probes []*probe, milliseconds int) error {
	var fds []unix.PollFd
	var of []*probe
	for _, p := range probes {
		if !p.done {
			fds = append(fds, unix.PollFd{Fd: int32(p.fd), Events: unix.POLLIN})
			of = append(of, p)
		}
	}
	if _, err := unix.Poll(fds, milliseconds); err != nil && !errors.Is(err, unix.EINTR) {
		return err
	}
	for i := range fds {
		if fds[i].Revents != 0 {
			of[i].read()
		}
	}
	return nil
}
