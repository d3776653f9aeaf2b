package keeper

import "time"

// NoticeKind is what a notice is about.
type NoticeKind string

// Kinds of notices.
const (
	NoticeFailure  NoticeKind = "failure"
	NoticeRecovery NoticeKind = "recovery"
	NoticeTeardown NoticeKind = "teardown" // before it
	NoticeMissed   NoticeKind = "missed"
	NoticeDrill    NoticeKind = "drill"
	// NoticeDrift is no event of the schedule: who exports a cluster tells it.
	NoticeDrift NoticeKind = "drift"
	// NoticeKept is none either: who takes a cluster down tells what outlives it.
	NoticeKept NoticeKind = "kept"
)

// Notice is what people should know.
type Notice struct {
	Kind    NoticeKind `json:"kind"`
	Cluster string     `json:"cluster"`
	Time    time.Time  `json:"time"`
	// At is the time of the event that it is about.
	At   time.Time `json:"at,omitzero"`
	Text string    `json:"text"`
	Run  string    `json:"run,omitempty"`
}

func (k *Keeper) notify(n Notice) {
	n.Time = k.Now()
	if k.Notify != nil {
		k.Notify(n)
	}
}
