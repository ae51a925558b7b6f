package demo

import (
	"github.com/gatehouse/gatehouse/internal/access"
	"github.com/gatehouse/gatehouse/internal/operations"
)

// A small world of each product. People are in it by their e-mail.

type seat struct {
	object access.Object
	person operations.Newcomer
	roles  []string
}

type offer struct {
	object  access.Object
	inviter string // e-mail
	invitee operations.Newcomer
	roles   []string
}

func partner(id string) access.Object  { return access.Object{Type: access.TypePartner, ID: id} }
func client(id string) access.Object   { return access.Object{Type: access.TypeClient, ID: id} }
func project(id string) access.Object  { return access.Object{Type: access.TypeProject, ID: id} }
func account(id string) access.Object  { return access.Object{Type: access.TypeCustomerAccount, ID: id} }
func instance(id string) access.Object { return access.Object{Type: access.TypeInstance, ID: id} }

func someone(email, given, family string) operations.Newcomer {
	return operations.Newcomer{Email: email, GivenName: given, FamilyName: family}
}

var objects = []operations.NewObject{
	// CloudNine Analyst: an e-discovery site.
	{Type: access.TypePartner, Parent: access.Platform, ID: new("cloudnine"), Name: "CloudNine Legal", TimeZone: "America/Chicago"},
	{Type: access.TypeClient, Parent: partner("cloudnine"), ID: new("globex"), Name: "Globex Corporation"},
	{Type: access.TypeClient, Parent: partner("cloudnine"), ID: new("initech"), Name: "Initech"},
	{Type: access.TypeProject, Parent: client("globex"), ID: new("discovery"), Name: "Globex v. Hooli, document discovery"},
	{Type: access.TypeProject, Parent: client("globex"), ID: new("patents"), Name: "Patent review"},
	{Type: access.TypeProject, Parent: client("initech"), ID: new("audit"), Name: "Internal audit 2026"},

	// Nine Cockpit: hosting accounts and their contacts.
	{
		Type: access.TypeCustomerAccount, Parent: access.Platform, ID: new("alpenhost"), Name: "Alpenhost AG", TimeZone: "Europe/Zurich",
		CustomerNumber: "10042", Identifier: "alpenhost",
	},
	{
		Type: access.TypeCustomerAccount, Parent: access.Platform, ID: new("bergbahn"), Name: "Bergbahn Genossenschaft", TimeZone: "Europe/Zurich",
		CustomerNumber: "10077", Identifier: "bergbahn",
	},

	// DE-CIX portal: a direct customer, its sub-customer, and a customer with both.
	{
		Type: access.TypeCustomerAccount, Parent: access.Platform, ID: new("nordnet"), Name: "Nordnet Carrier GmbH", TimeZone: "Europe/Berlin",
		CustomerNumber: "64496", Identifier: "as64496", Contract: operations.Contract{Direct: true, Colocation: true, PartnerStatus: true},
	},
	{
		Type: access.TypeCustomerAccount, Parent: access.Platform, ID: new("hafen"), Name: "Hafen Digital", TimeZone: "Europe/Berlin",
		CustomerNumber: "64497", Identifier: "as64497", Contract: operations.Contract{Reseller: "nordnet"},
	},

	// Nezasa Multi-Cockpit: travel companies.
	{Type: access.TypeInstance, Parent: access.Platform, ID: new("wanderlust"), Name: "Wanderlust Reisen", TimeZone: "Europe/Zurich"},
	{Type: access.TypeInstance, Parent: access.Platform, ID: new("tripsmith"), Name: "Tripsmith Tours", TimeZone: "Europe/London"},
}

var (
	paula = someone("paula.berger@cloudnine.example", "Paula", "Berger")
	carol = someone("carol.diaz@globex.example", "Carol", "Diaz")
	anna  = someone("anna.keller@alpenhost.example", "Anna", "Keller")
	jonas = someone("jonas.petersen@nordnet.example", "Jonas", "Petersen")
	lena  = someone("lena.frei@wanderlust.example", "Lena", "Frei")
)

var seats = []seat{
	{access.Platform, someone("sam.support@gatehouse.example", "Sam", "Reyes"), []string{"support"}},

	{partner("cloudnine"), paula, []string{"partner_admin"}},
	{client("globex"), carol, []string{"client_admin"}},
	{project("discovery"), someone("peter.novak@globex.example", "Peter", "Novak"), []string{"project_admin"}},
	{project("discovery"), someone("uma.patel@globex.example", "Uma", "Patel"), []string{"project_member"}},
	{project("audit"), someone("ivan.horvat@initech.example", "Ivan", "Horvat"), []string{"project_member"}},

	{account("alpenhost"), anna, []string{"customer_admin", "cockpit_access"}},
	{account("alpenhost"), someone("tim.baumann@alpenhost.example", "Tim", "Baumann"), []string{"technical_contact"}},
	{account("bergbahn"), anna, []string{"cockpit_access"}},
	{account("bergbahn"), someone("ruth.zgraggen@bergbahn.example", "Ruth", "Zgraggen"), []string{"customer_admin", "cockpit_access", "technical_contact"}},

	{account("nordnet"), jonas, []string{"portal_admin"}},
	{account("nordnet"), someone("mia.lang@nordnet.example", "Mia", "Lang"), []string{"portal_technical_user"}},
	{account("hafen"), someone("olaf.brandt@hafen.example", "Olaf", "Brandt"), []string{"portal_admin"}},
	{account("hafen"), someone("nele.voss@hafen.example", "Nele", "Voss"), []string{"portal_read_only_user"}},

	{instance("wanderlust"), lena, []string{"company_admin"}},
	{instance("wanderlust"), someone("marco.rossi@wanderlust.example", "Marco", "Rossi"), []string{"instance_member"}},
	{instance("tripsmith"), someone("grace.hall@tripsmith.example", "Grace", "Hall"), []string{"company_admin"}},
}

var offers = []offer{
	{project("patents"), paula.Email, someone("noor.haddad@globex.example", "Noor", "Haddad"), []string{"project_member"}},
	{account("alpenhost"), anna.Email, someone("eva.schmid@alpenhost.example", "Eva", "Schmid"), []string{"cockpit_access", "technical_contact"}},
	{account("nordnet"), jonas.Email, someone("finn.maas@nordnet.example", "Finn", "Maas"), []string{"portal_read_only_user"}},
	{instance("wanderlust"), lena.Email, someone("sofia.conti@wanderlust.example", "Sofia", "Conti"), []string{"instance_member"}},
}
