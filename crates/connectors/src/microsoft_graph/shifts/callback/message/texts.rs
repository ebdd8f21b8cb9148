//! The texts, each in all languages side by side, so that they are seen to say the same.

use super::Language;

/// One text in every language; `{0}` and the like stand for details.
#[derive(Debug)]
pub struct Text {
    en: &'static str,
    de: &'static str,
    fr: &'static str,
    es: &'static str,
}

impl Text {
    /// The text in one language.
    pub const fn of(&self, language: Language) -> &'static str {
        match language {
            Language::English => self.en,
            Language::German => self.de,
            Language::French => self.fr,
            Language::Spanish => self.es,
        }
    }
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident: $en:literal, $de:literal, $fr:literal, $es:literal;)*) => {
        $($(#[$doc])* pub const $name: Text = Text { en: $en, de: $de, fr: $fr, es: $es };)*

        /// Every text, for the tests.
        #[cfg(test)]
        pub const ALL: &[(&str, Text)] = &[$((stringify!($name), $name)),*];
    };
}

texts! {
    /// What is refused in a mirror that takes nothing of this kind from people.
    NOT_HERE:
        "{0} are managed in your scheduling system. Please make this change there, or ask your \
         manager.",
        "{0} werden im Planungssystem verwaltet. Bitte nehmen Sie die Änderung dort vor oder \
         fragen Sie Ihre Leitung.",
        "{0} se gèrent dans votre système de planification. Veuillez y faire cette modification \
         ou vous adresser à votre responsable.",
        "{0} se gestionan en su sistema de planificación. Haga el cambio allí o consulte a su \
         responsable.";
    UNKNOWN:
        "This is not known to your scheduling system. Please refresh and try again, or ask your \
         manager.",
        "Das Planungssystem kennt diesen Eintrag nicht. Bitte laden Sie neu und versuchen Sie es \
         noch einmal, oder fragen Sie Ihre Leitung.",
        "Votre système de planification ne connaît pas cet élément. Veuillez actualiser et \
         réessayer, ou vous adresser à votre responsable.",
        "Su sistema de planificación no conoce este elemento. Actualice e inténtelo de nuevo, o \
         consulte a su responsable.";
    OUTDATED:
        "The schedule has changed in the meantime. Please refresh, check, and try again.",
        "Der Plan hat sich inzwischen geändert. Bitte laden Sie neu, prüfen Sie ihn und versuchen \
         Sie es noch einmal.",
        "Le planning a changé entre-temps. Veuillez actualiser, vérifier et réessayer.",
        "El horario ha cambiado mientras tanto. Actualice, compruébelo e inténtelo de nuevo.";
    BEGUN:
        "It has already begun or is over. Please speak to your manager.",
        "Es hat schon begonnen oder ist vorbei. Bitte sprechen Sie mit Ihrer Leitung.",
        "La période a déjà commencé ou est terminée. Veuillez vous adresser à votre responsable.",
        "El período ya ha empezado o ha terminado. Consulte a su responsable.";
    OVERLAPS:
        "It overlaps other work ({0}). Please choose another time.",
        "Es überschneidet sich mit anderer Arbeit ({0}). Bitte wählen Sie eine andere Zeit.",
        "Cela chevauche un autre service ({0}). Veuillez choisir un autre horaire.",
        "Se solapa con otro trabajo ({0}). Elija otra hora.";
    ABSENT:
        "It falls into time off ({0}). Please choose another time or another person.",
        "Es fällt in eine Abwesenheit ({0}). Bitte wählen Sie eine andere Zeit oder Person.",
        "Cela tombe pendant une absence ({0}). Veuillez choisir un autre horaire ou une autre \
         personne.",
        "Cae en una ausencia ({0}). Elija otra hora u otra persona.";
    REST_TOO_SHORT:
        "Between two shifts there must be {0} of rest; only {1} would be left. Please choose \
         another shift.",
        "Zwischen zwei Schichten müssen {0} Ruhezeit liegen; es blieben nur {1}. Bitte wählen Sie \
         eine andere Schicht.",
        "Il faut {0} de repos entre deux services ; il n’en resterait que {1}. Veuillez choisir \
         un autre service.",
        "Entre dos turnos debe haber {0} de descanso; solo quedarían {1}. Elija otro turno.";
    DAY_TOO_LONG:
        "On {0} at most {1} of work are allowed; it would be {2}. Please choose another day.",
        "Am {0} sind höchstens {1} Arbeit erlaubt; es wären {2}. Bitte wählen Sie einen anderen \
         Tag.",
        "Le {0}, {1} de travail au plus sont permises ; cela en ferait {2}. Veuillez choisir un \
         autre jour.",
        "El {0} se permiten como máximo {1} de trabajo; serían {2}. Elija otro día.";
    WEEK_TOO_LONG:
        "In the week from {0} at most {1} of work are allowed; it would be {2}. Please choose \
         another week.",
        "In der Woche ab {0} sind höchstens {1} Arbeit erlaubt; es wären {2}. Bitte wählen Sie \
         eine andere Woche.",
        "La semaine du {0}, {1} de travail au plus sont permises ; cela en ferait {2}. Veuillez \
         choisir une autre semaine.",
        "En la semana del {0} se permiten como máximo {1} de trabajo; serían {2}. Elija otra \
         semana.";
    NOT_QUALIFIED:
        "This work needs the qualification “{0}”. Please choose another shift or another person.",
        "Für diese Arbeit ist die Qualifikation „{0}“ nötig. Bitte wählen Sie eine andere Schicht \
         oder Person.",
        "Ce service demande la qualification « {0} ». Veuillez choisir un autre service ou une \
         autre personne.",
        "Este trabajo requiere la cualificación «{0}». Elija otro turno u otra persona.";
    OTHER_GROUP:
        "This work belongs to the group “{0}”. Please choose work or people of the same group.",
        "Diese Arbeit gehört zur Gruppe „{0}“. Bitte wählen Sie Arbeit oder Personen derselben \
         Gruppe.",
        "Ce service appartient au groupe « {0} ». Veuillez choisir un service ou des personnes du \
         même groupe.",
        "Este trabajo pertenece al grupo «{0}». Elija trabajo o personas del mismo grupo.";
    TOO_LATE:
        "This must be asked for at least {0} ahead. Please speak to your manager.",
        "Das muss mindestens {0} im Voraus beantragt werden. Bitte sprechen Sie mit Ihrer Leitung.",
        "La demande doit être faite au moins {0} à l’avance. Veuillez vous adresser à votre \
         responsable.",
        "Debe solicitarse con al menos {0} de antelación. Consulte a su responsable.";
    BALANCE_SPENT:
        "Days of “{0}” asked for: {2}; left this year: {1}. Please ask for fewer days.",
        "Beantragte Tage „{0}“: {2}; in diesem Jahr noch übrig: {1}. Bitte beantragen Sie weniger \
         Tage.",
        "Jours de « {0} » demandés : {2} ; restants cette année : {1}. Veuillez en demander moins.",
        "Días de «{0}» solicitados: {2}; restantes este año: {1}. Solicite menos días.";
    TOO_MANY_ABSENT:
        "On {0} as many people are absent already as may be ({1}). Please choose another day.",
        "Am {0} sind schon so viele Personen abwesend, wie es sein dürfen ({1}). Bitte wählen Sie \
         einen anderen Tag.",
        "Le {0}, le nombre maximal d’absences ({1}) est déjà atteint. Veuillez choisir un autre \
         jour.",
        "El {0} ya se ha alcanzado el máximo de ausencias ({1}). Elija otro día.";
    REASON_NOT_OFFERED:
        "“{0}” cannot be asked for here. Please choose another reason, or ask your manager.",
        "„{0}“ kann hier nicht beantragt werden. Bitte wählen Sie einen anderen Grund oder fragen \
         Sie Ihre Leitung.",
        "« {0} » ne peut pas être demandé ici. Veuillez choisir un autre motif ou vous adresser à \
         votre responsable.",
        "«{0}» no se puede solicitar aquí. Elija otro motivo o consulte a su responsable.";
    NO_SLOT_LEFT:
        "This open shift has been taken already. Please choose another one.",
        "Diese offene Schicht ist schon vergeben. Bitte wählen Sie eine andere.",
        "Ce service vacant est déjà pris. Veuillez en choisir un autre.",
        "Este turno abierto ya está asignado. Elija otro.";
    NOT_ELIGIBLE:
        "These shifts cannot be exchanged or given between these people. Please choose others.",
        "Diese Schichten können zwischen diesen Personen nicht getauscht oder abgegeben werden. \
         Bitte wählen Sie andere.",
        "Ces services ne peuvent pas être échangés ou cédés entre ces personnes. Veuillez en \
         choisir d’autres.",
        "Estos turnos no se pueden intercambiar ni ceder entre estas personas. Elija otros.";
    UNKNOWN_EMPLOYEE:
        "This person is not known to your scheduling system. Please ask your manager to add them.",
        "Das Planungssystem kennt diese Person nicht. Bitte lassen Sie sie von Ihrer Leitung \
         eintragen.",
        "Votre système de planification ne connaît pas cette personne. Veuillez demander à votre \
         responsable de l’ajouter.",
        "Su sistema de planificación no conoce a esta persona. Pida a su responsable que la añada.";
    BAD_LENGTH:
        "It must last at least {0} and at most {1}. Please change the times.",
        "Die Dauer muss mindestens {0} und höchstens {1} betragen. Bitte ändern Sie die Zeiten.",
        "La durée doit être d’au moins {0} et d’au plus {1}. Veuillez modifier les horaires.",
        "Debe durar al menos {0} y como máximo {1}. Cambie las horas.";
    OTHER:
        "Your scheduling system refuses this: {0}",
        "Das Planungssystem lehnt das ab: {0}",
        "Votre système de planification refuse : {0}",
        "Su sistema de planificación lo rechaza: {0}";
    NOT_REACHABLE:
        "Your scheduling system cannot be reached at the moment. Please try again in a few \
         minutes.",
        "Das Planungssystem ist im Moment nicht erreichbar. Bitte versuchen Sie es in einigen \
         Minuten noch einmal.",
        "Votre système de planification est injoignable pour le moment. Veuillez réessayer dans \
         quelques minutes.",
        "No se puede acceder ahora a su sistema de planificación. Inténtelo de nuevo en unos \
         minutos.";
    /// For entities and operations that no mirror takes.
    UNSUPPORTED:
        "This cannot be changed here. Please make the change in your scheduling system, or ask \
         your manager.",
        "Das kann hier nicht geändert werden. Bitte nehmen Sie die Änderung im Planungssystem vor \
         oder fragen Sie Ihre Leitung.",
        "Cela ne peut pas être modifié ici. Veuillez faire cette modification dans votre système \
         de planification ou vous adresser à votre responsable.",
        "Esto no se puede cambiar aquí. Haga el cambio en su sistema de planificación o consulte \
         a su responsable.";
    UNREADABLE:
        "The request could not be read. Please try again; if it happens again, tell your \
         administrator.",
        "Die Anfrage konnte nicht gelesen werden. Bitte versuchen Sie es noch einmal und melden \
         Sie es Ihrer Administration, wenn es wieder geschieht.",
        "La demande n’a pas pu être lue. Veuillez réessayer et prévenir votre administrateur si \
         cela se reproduit.",
        "No se pudo leer la solicitud. Inténtelo de nuevo y avise a su administrador si vuelve a \
         ocurrir.";
    TOO_MUCH:
        "A label or a note is too long or has unprintable characters, or there are too many \
         activities. Please shorten it.",
        "Eine Bezeichnung oder Notiz ist zu lang oder enthält nicht druckbare Zeichen, oder es \
         sind zu viele Aktivitäten. Bitte kürzen Sie das.",
        "Un libellé ou une note est trop long ou contient des caractères non imprimables, ou il y \
         a trop d’activités. Veuillez raccourcir.",
        "Una etiqueta o una nota es demasiado larga o tiene caracteres no imprimibles, o hay \
         demasiadas actividades. Acórtelo.";
    EXPIRED:
        "The request took too long to arrive and was not carried out. Please try again.",
        "Die Anfrage kam zu spät an und wurde nicht ausgeführt. Bitte versuchen Sie es noch \
         einmal.",
        "La demande est arrivée trop tard et n’a pas été exécutée. Veuillez réessayer.",
        "La solicitud llegó demasiado tarde y no se ejecutó. Inténtelo de nuevo.";
    IN_PROGRESS:
        "The request is still being processed. Please wait a moment and refresh.",
        "Die Anfrage wird noch bearbeitet. Bitte warten Sie einen Moment und laden Sie neu.",
        "La demande est en cours de traitement. Veuillez patienter un instant et actualiser.",
        "La solicitud se está procesando. Espere un momento y actualice.";
    OTHER_TEAM:
        "This team is not connected to your scheduling system. Please tell your administrator.",
        "Dieses Team ist nicht mit dem Planungssystem verbunden. Bitte sagen Sie es Ihrer \
         Administration.",
        "Cette équipe n’est pas reliée à votre système de planification. Veuillez prévenir votre \
         administrateur.",
        "Este equipo no está conectado a su sistema de planificación. Avise a su administrador.";

    AVAILABILITY: "Availabilities", "Verfügbarkeiten", "Les disponibilités", "Las disponibilidades";
    OFFERS: "Shift offers", "Angebote von Schichten", "Les offres de service",
        "Las ofertas de turnos";
    OPEN_SHIFTS: "Open shifts", "Offene Schichten", "Les services vacants", "Los turnos abiertos";
    CLAIMS: "Requests for open shifts", "Anfragen zu offenen Schichten",
        "Les demandes de services vacants", "Las solicitudes de turnos abiertos";
    SHIFTS: "Shifts", "Schichten", "Les services", "Los turnos";
    SWAPS: "Shift swaps", "Schichttausche", "Les échanges de services", "Los cambios de turno";
    TIME_OFF: "Absences", "Abwesenheiten", "Les absences", "Las ausencias";
    TIME_OFF_REQUESTS: "Time-off requests", "Abwesenheitsanträge", "Les demandes d’absence",
        "Las solicitudes de ausencia";
    /// Two or more.
    DAYS: "days", "Tage", "jours", "días";
}
