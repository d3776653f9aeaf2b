package ec2

import (
	"slices"
	"time"
)

// What states of volumes are called.
const (
	volumeCreating  = "creating"
	volumeAvailable = "available"
	volumeInUse     = "in-use"
	volumeDeleting  = "deleting"
)

// Volume is an EBS volume.
type Volume struct {
	Thing
	Zone string
	// Size is in GiB.
	Size int
	// Type is "gp3" unless set.
	Type      string
	Snapshot  string
	Encrypted bool
	// Instance that it is attached to; empty for none. Device is as which, and
	// DeleteOnTermination that it goes with the instance.
	Instance, Device    string
	DeleteOnTermination bool

	attached, deleting time.Time
}

func (v *Volume) copy() Volume { c := *v; c.Thing = v.clone(); return c }

func (p *Place) volumeState(v *Volume, now time.Time) string {
	switch {
	case !v.deleting.IsZero():
		return volumeDeleting
	case v.Instance != "":
		return volumeInUse
	case !p.passed(v.Created, now):
		return volumeCreating
	}
	return volumeAvailable
}

// advanceVolumes ends the removal of volumes.
func (p *Place) advanceVolumes(now time.Time) {
	for _, v := range p.volumes {
		if v.lives() && !v.deleting.IsZero() && p.passed(v.deleting, now) {
			v.gone = v.deleting.Add(p.cloud.options.Delay)
		}
	}
}

// CreateVolume makes a volume that is attached to nothing.
func (p *Place) CreateVolume(v Volume) (Volume, error) {
	now := p.lock()
	defer p.unlock()
	if !slices.ContainsFunc(p.zones(), func(z Zone) bool { return z.Name == v.Zone }) {
		return Volume{}, refuse("InvalidZone.NotFound", "The zone '%s' does not exist.", v.Zone)
	}
	if v.Snapshot != "" {
		s, err := find(p.snapshots, kindSnapshot, v.Snapshot)
		if err != nil {
			return Volume{}, err
		}
		v.Size = max(v.Size, s.Size)
	}
	if v.Size <= 0 {
		return Volume{}, refuse("MissingParameter", "The request must contain the parameter size/snapshot")
	}
	v.Instance, v.deleting = "", time.Time{}
	return p.newVolume(v, now).copy(), nil
}

func (p *Place) newVolume(v Volume, now time.Time) *Volume {
	v.Thing = p.begin(kindVolume, v.Tags, now)
	if v.Type == "" {
		v.Type = "gp3"
	}
	p.volumes[v.ID] = &v
	return &v
}

// Volume returns one by its ID.
func (p *Place) Volume(id string) (Volume, error) {
	return get(p, p.volumes, kindVolume, id, (*Volume).copy)
}

// Volumes returns all, oldest first.
func (p *Place) Volumes() []Volume {
	return list(p, p.volumes, func(*Volume) bool { return true }, (*Volume).copy)
}

// AttachVolume attaches a volume to an instance in its zone.
func (p *Place) AttachVolume(id, instance, device string) error {
	now := p.lock()
	defer p.unlock()
	v, err := find(p.volumes, kindVolume, id)
	if err != nil {
		return err
	}
	i, err := find(p.instances, kindInstance, instance)
	if err != nil {
		return err
	}
	switch {
	case v.Instance != "" || !v.deleting.IsZero():
		return refuse("VolumeInUse", "%s is already attached to an instance", id)
	case i.Zone != v.Zone:
		return refuse("InvalidVolume.ZoneMismatch", "The volume '%s' is not in the same availability zone as instance '%s'", id, instance)
	case i.State != StatePending && i.State != StateRunning:
		return refuse("IncorrectState", "Instance '%s' is not 'running'.", instance)
	}
	v.Instance, v.Device, v.attached = instance, device, now
	return nil
}

// DetachVolume detaches a volume from its instance.
func (p *Place) DetachVolume(id string) error {
	p.lock()
	defer p.unlock()
	v, err := find(p.volumes, kindVolume, id)
	if err != nil {
		return err
	}
	if v.Instance == "" {
		return refuse("IncorrectState", "Volume '%s' is in the 'available' state.", id)
	}
	v.Instance, v.Device = "", ""
	return nil
}

// DeleteVolume begins to remove a volume that is attached to nothing.
func (p *Place) DeleteVolume(id string) error {
	now := p.lock()
	defer p.unlock()
	v, err := find(p.volumes, kindVolume, id)
	if err != nil {
		return err
	}
	if !v.deleting.IsZero() {
		return kindVolume.absent(id)
	}
	if v.Instance != "" {
		return refuse("VolumeInUse", "Volume %s is currently attached to %s", id, v.Instance)
	}
	v.deleting = now
	return nil
}

// Snapshot is one of a volume.
type Snapshot struct {
	Thing
	Volume, Description string
	// Size is in GiB.
	Size      int
	Encrypted bool
	// Image is what machine image uses it, which keeps it from being removed; empty
	// for none.
	Image string
}

func (s *Snapshot) copy() Snapshot { c := *s; c.Thing = s.clone(); return c }

// CreateSnapshot makes a snapshot of a volume.
func (p *Place) CreateSnapshot(s Snapshot) (Snapshot, error) {
	now := p.lock()
	defer p.unlock()
	v, err := find(p.volumes, kindVolume, s.Volume)
	if err != nil {
		return Snapshot{}, err
	}
	s.Thing, s.Size, s.Encrypted = p.begin(kindSnapshot, s.Tags, now), v.Size, v.Encrypted
	p.snapshots[s.ID] = &s
	return s.copy(), nil
}

// Snapshot returns one by its ID.
func (p *Place) Snapshot(id string) (Snapshot, error) {
	return get(p, p.snapshots, kindSnapshot, id, (*Snapshot).copy)
}

// DeleteSnapshot removes a snapshot that no image uses.
func (p *Place) DeleteSnapshot(id string) error {
	now := p.lock()
	defer p.unlock()
	s, err := find(p.snapshots, kindSnapshot, id)
	if err != nil {
		return err
	}
	if s.Image != "" {
		return refuse("InvalidSnapshot.InUse", "The snapshot %s is currently in use by %s", id, s.Image)
	}
	s.gone = now
	return nil
}
