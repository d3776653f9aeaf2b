package eks

import "slices"

// The add-on that makes EBS volumes asks AWS for them as this service account: without
// a role for it no claim is ever bound. The role of the nodes does not do, since pods
// do not reach that.
const (
	driver        = "aws-ebs-csi-driver"
	driverSpace   = "kube-system"
	driverAccount = "ebs-csi-controller-sa"
)

// wantsDriverRole tells whether there is to be a driver of volumes to which the settings
// give no role.
func (s settings) wantsDriverRole() bool {
	return has(s.Addons, driver) &&
		!slices.ContainsFunc(s.PodIdentities, func(id podIdentity) bool { return id.Namespace == driverSpace && id.ServiceAccount == driverAccount })
}

// identities are the roles of service accounts: those that the settings give, and that
// of the driver of volumes.
func (m *making) identities() []podIdentity {
	if !m.set.wantsDriverRole() {
		return m.set.PodIdentities
	}
	if m.ground.driverRole == "" {
		m.progress.Say("add-on " + driver + " has no role, since the cluster was made without it: name one in settings.podIdentities, or make the cluster anew")
		return m.set.PodIdentities
	}
	return append(slices.Clone(m.set.PodIdentities), podIdentity{Namespace: driverSpace, ServiceAccount: driverAccount, Role: m.ground.driverRole})
}
