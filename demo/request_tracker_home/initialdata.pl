# What the hub needs in Request Tracker: handler groups as queues, fields for the case, and an account of its own.
#
#   CITY=city.json HUB_TOKEN_FILE=token rt-setup-database-5 --action insert --datafile initialdata.pl
#
# city.json: {"contact_centre": "kcc", "handler_password": "...", "groups": [{"name", "label", "email"}, ...]}.
# Every group gets a queue, a group of handlers and, with a password, one account of its name.
use strict;
use warnings;
use utf8;
use JSON ();

our (@Groups, @Users, @Queues, @CustomFields, @ACL, @Members, @Final);

my $city = do {
    open my $file, '<', $ENV{CITY} or die "CITY: $!";
    local $/;
    JSON::decode_json(<$file>);
};
my @city = @{ $city->{groups} };
my $seeing_all = $city->{contact_centre};

my @kinds = qw(vraag melding suggestie klacht);
my @channels = (
    'e-mail', 'webformulier', 'telefoon', 'balie', 'mijn-burgerprofiel', 'e-loket',
    'verenigingsprofiel', 'digitale-assistent', 'meldingsapp', 'systeem',
);

@Queues = map {
    +{ Name => $_->{name}, Description => $_->{label}, Lifecycle => 'zaak', CorrespondAddress => $_->{email} // '' }
} @city;
@Groups = map { +{ Name => "behandelaars $_->{name}", Description => $_->{label} } } @city;
@Users = ({ Name => 'hub', RealName => 'Wegwijzer', Privileged => 1 });
push @Users, map {
    +{ Name => $_->{name}, RealName => $_->{label}, Privileged => 1, Password => $city->{handler_password} }
} @city if $city->{handler_password};

sub text_field {
    my ($name, $description, %more) = @_;
    return {
        Name => $name, Description => $description, Type => 'FreeformSingle', MaxValues => 1,
        LookupType => 'RT::Queue-RT::Ticket', Queue => 0, %more,
    };
}

sub choice_field {
    my ($name, $description, @values) = @_;
    return {
        %{ text_field($name, $description) }, Type => 'SelectSingle', Values => [ map { +{ Name => $_ } } @values ],
    };
}

@CustomFields = (
    text_field('canonical_id', 'Zaaknummer', UniqueValues => 1),
    choice_field('kind', 'Soort', @kinds),
    choice_field('channel', 'Kanaal', @channels),
    text_field('party_ref', 'Klantsleutel'),
    text_field('customer', 'Klant'),
    text_field('customer_email', 'E-mail van de klant'),
    text_field('customer_phone', 'Telefoon van de klant'),
    text_field('language', 'Taal'),
    text_field('category', 'Categorie'),
    text_field('product', 'Product'),
    text_field('location', 'Plaats'),
    text_field('area', 'Deelgemeente'),
);

my @handling = qw(
    SeeQueue CreateTicket ShowTicket ShowTicketComments ReplyToTicket CommentOnTicket ModifyTicket OwnTicket
    SeeCustomField ModifyCustomField TakeTicket StealTicket ReassignTicket
);
my @of_the_hub = qw(
    SeeQueue CreateTicket ShowTicket ShowTicketComments ReplyToTicket CommentOnTicket ModifyTicket
    SeeCustomField ModifyCustomField
);
@ACL = map { +{ UserId => 'hub', Right => $_ } } @of_the_hub;
for my $group (@city) {
    my @where = $group->{name} eq $seeing_all ? () : (Queue => $group->{name});
    push @ACL, map {
        +{ GroupDomain => 'UserDefined', GroupId => "behandelaars $group->{name}", @where, Right => $_ }
    } @handling;
}

@Final = (sub {
    # RT's own mails to requestors and watchers, and its steps from one status to another, are off.
    my $scrips = RT::Scrips->new(RT->SystemUser);
    $scrips->UnLimit;
    while (my $scrip = $scrips->Next) { $scrip->SetDisabled(1) }

    for my $group ($city->{handler_password} ? @city : ()) {
        my $members = RT::Group->new(RT->SystemUser);
        $members->LoadUserDefinedGroup("behandelaars $group->{name}");
        my $user = RT::User->new(RT->SystemUser);
        $user->Load($group->{name});
        my ($ok, $why) = $members->AddMember($user->PrincipalId);
        die "$group->{name}: $why" unless $ok;
    }

    require RT::AuthToken;
    my $hub = RT::User->new(RT->SystemUser);
    $hub->Load('hub');
    my ($ok, $why, $token) = RT::AuthToken->new(RT->SystemUser)->Create(Owner => $hub->id, Description => 'Wegwijzer');
    die "token: $why" unless $ok;
    umask 0077;
    open my $file, '>', $ENV{HUB_TOKEN_FILE} or die "HUB_TOKEN_FILE: $!";
    print $file $token;
    close $file or die "HUB_TOKEN_FILE: $!";
});

1;
