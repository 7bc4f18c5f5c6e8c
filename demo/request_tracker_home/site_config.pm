# Request Tracker as the city's tracker: what its SiteConfig must hold besides its own address and database.
# Load it from RT_SiteConfig.pm, or put it in RT_SiteConfig.d/.
use utf8;

# Where a case stands, in the words of the handler groups. The hub sets any status after any other: it repeats
# what happened elsewhere, and RT answers "200 OK" to a step that its lifecycle does not know, without taking it.
Set(%Lifecycles,
    zaak => {
        initial  => ['nieuw'],
        active   => ['in behandeling', 'wacht op klant', 'wacht op uitvoering'],
        inactive => ['beantwoord', 'afgesloten', 'deleted'],
        defaults => {
            on_create          => 'nieuw',
            approved           => 'in behandeling',
            denied             => 'afgesloten',
            reminder_on_open   => 'in behandeling',
            reminder_on_resolve => 'afgesloten',
        },
        transitions => do {
            my @all = ('nieuw', 'in behandeling', 'wacht op klant', 'wacht op uitvoering', 'beantwoord', 'afgesloten', 'deleted');
            +{ '' => [@all[0 .. 5]], map { my $from = $_; ($from => [grep { $_ ne $from } @all]) } @all };
        },
        rights  => { '* -> deleted' => 'DeleteTicket', '* -> *' => 'ModifyTicket' },
        actions => [
            '* -> in behandeling' => { label => 'In behandeling nemen', update => 'Comment' },
            '* -> beantwoord'     => { label => 'Beantwoorden', update => 'Respond' },
            '* -> afgesloten'     => { label => 'Afsluiten', update => 'Comment' },
        ],
    },
);

# The hub writes to citizens; RT sends nothing for these cases (initialdata.pl switches its notices off).
Set($NotifyActor, 0);

# RT can cut or drop a file that is larger than this; the hub notices, and hands the case to a person.
Set($MaxAttachmentSize, 30_000_000);

1;
